import type { Client } from '../../client/client.ts';
import { discoverResources } from '../../client/discovery.ts';
import type { Informer } from '../../client/informer.ts';
import type { Informers } from '../../client/informers.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../../generated/api/core/v1.ts';
import { persistentvolumeclaims, pods, resourcequotas, services } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, type ResourceType, toKeyText } from '../../machinery/object/object.ts';
import { parseQuantity, Quantity } from '../../machinery/values/quantity.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { manualSource, onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { toStableText } from '../safe-hash.ts';
import { type Amounts, addAmounts, claimUsage, hasScopes, matchesScopes, podUsage, serviceUsage } from './usage.ts';

/** Source: kube-controller-manager `--resource-quota-sync-period`. */
const RESYNC_MS = 300_000;

/** Counts that quotas know by their old names. */
const oldCounts: Readonly<Record<string, string>> = {
  configmaps: 'count/configmaps',
  secrets: 'count/secrets',
  replicationcontrollers: 'count/replicationcontrollers',
  resourcequotas: 'count/resourcequotas',
};

interface Deps {
  readonly client: Client;
  readonly informers: Informers;
  readonly quotas: Informer<ResourceQuota>;
  readonly clock: Clock;
  /** Looks at the quotas of a namespace again, soon. */
  recount(namespace: string): void;
}

/** The status of a quota by what there is. Limits keep their order; resources that are not limited are not told. */
export function planStatus(quota: ResourceQuota, usage: Amounts): ResourceQuota['status'] {
  const hard = quota.spec?.hard ?? {};
  const zero = new Quantity(0n, 'decimal');
  const used = Object.keys(hard).map((name) => {
    const amount = usage.get(oldCounts[name] ?? name) ?? zero;
    // Written as its limit is, so that both read alike.
    const { format } = parseQuantity(hard[name] ?? '0');
    return [name, new Quantity(amount.nano, format).toString()] as const;
  });
  return { hard: { ...hard }, used: Object.fromEntries(used) };
}

/** Counts what each quota limits. */
class ResourceQuotaController implements Reconciler {
  readonly #deps: Deps;
  readonly #followed = new Map<string, Informer<KubeObject>>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const quota = this.#deps.quotas.get(key);
    if (quota === undefined) return done;
    const status = planStatus(quota, await this.#count(quota));
    if (toStableText(status) !== toStableText(quota.status ?? {})) {
      try {
        await this.#deps.client.update(resourcequotas, { ...quota, status }, { subresource: 'status' });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    return { requeueAfterMs: RESYNC_MS };
  }

  async #count(quota: ResourceQuota): Promise<Amounts> {
    const namespace = quota.metadata.namespace ?? '';
    const names = Object.keys(quota.spec?.hard ?? {}).map((name) => oldCounts[name] ?? name);
    let usage: Amounts = new Map();
    const add = async <T extends KubeObject>(type: ResourceType<T>, count: (object: T) => Amounts): Promise<void> => {
      const informer = await this.#follow(type);
      for (const object of informer.list(namespace)) usage = addAmounts(usage, count(object));
    };
    const nowMs = this.#deps.clock.nowMs();
    // Scopes select pods; a quota with scopes limits nothing else.
    await add<Pod>(pods, (pod) => (matchesScopes(quota, pod) ? podUsage(pod, nowMs) : new Map()));
    if (hasScopes(quota)) return usage;
    if (names.some((name) => name.startsWith('services') || name === 'count/services')) {
      await add<Service>(services, serviceUsage);
    }
    if (names.some((name) => /persistentvolumeclaims|requests\.storage/.test(name))) {
      await add<PersistentVolumeClaim>(persistentvolumeclaims, claimUsage);
    }
    const counted = new Set(['count/pods', 'count/services', 'count/persistentvolumeclaims']);
    for (const name of names.filter((each) => each.startsWith('count/') && !counted.has(each))) {
      const type = await this.#findType(name.slice('count/'.length));
      const one = new Map([[name, new Quantity(1_000_000_000n, 'decimal')]]);
      if (type !== undefined) await add(type, () => one);
    }
    return usage;
  }

  async #findType(resource: string): Promise<ResourceType<KubeObject> | undefined> {
    const dot = resource.indexOf('.');
    const [plural, group] = dot < 0 ? [resource, ''] : [resource.slice(0, dot), resource.slice(dot + 1)];
    const { resources } = await discoverResources(this.#deps.client);
    return resources.find((each) => each.plural === plural && each.group === group && each.namespaced);
  }

  /** The informer of a kind that some quota limits; its changes are counted from then on. */
  async #follow<T extends KubeObject>(type: ResourceType<T>): Promise<Informer<T>> {
    const id = `${type.group}/${type.plural}`;
    const informer = this.#deps.informers.for(type);
    await informer.synced;
    if (!this.#followed.has(id)) {
      this.#followed.set(id, informer as unknown as Informer<KubeObject>);
      const recount = (object: KubeObject): void => this.#deps.recount(object.metadata.namespace ?? '');
      let isReplay = true;
      informer.addHandler({
        added: (object) => (isReplay ? undefined : recount(object)),
        updated: (object, previous) => (isCountedAnew(object, previous) ? recount(object) : undefined),
        deleted: recount,
      });
      isReplay = false;
    }
    return informer;
  }
}

/** Whether a change may alter what the object counts for: its spec, its end, or its deletion. */
function isCountedAnew(next: KubeObject, previous: KubeObject): boolean {
  const phase = (object: KubeObject): unknown =>
    (Reflect.get(object, 'status') as { phase?: string } | undefined)?.phase;
  const { generation, deletionTimestamp } = next.metadata;
  const hasNewSpec =
    generation === undefined
      ? toStableText(Reflect.get(next, 'spec')) !== toStableText(Reflect.get(previous, 'spec'))
      : generation !== previous.metadata.generation;
  return hasNewSpec || phase(next) !== phase(previous) || deletionTimestamp !== previous.metadata.deletionTimestamp;
}

export function runResourceQuotaController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('resourcequota-controller'));
  const quotas = informers.for(resourcequotas);
  const changed = manualSource();
  const recount = (namespace: string): void => {
    // A little later: a roll-out changes many pods at once.
    for (const quota of quotas.list(namespace)) changed.enqueue(toKeyText(keyOf(quota)), 50);
  };
  const reconciler = new ResourceQuotaController({ client, informers, quotas, clock, recount });
  const sources = [
    onChange(quotas, ({ object, previous }) => {
      const isOld = previous !== undefined && toStableText(previous.spec) === toStableText(object.spec);
      return isOld ? [] : [toKeyText(keyOf(object))];
    }),
    changed,
  ];
  return runController({ name: 'resourcequota', reconciler, sources, workers: 2, clock, logger, metrics }, signal);
}
