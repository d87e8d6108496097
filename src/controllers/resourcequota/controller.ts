import type { Client } from '../../client/client.ts';
import { discoverResources } from '../../client/discovery.ts';
import type { Informer } from '../../client/informer.ts';
import type { Informers } from '../../client/informers.ts';
import type { Pod, ResourceQuota, Service } from '../../generated/api/core/v1.ts';
import {
  persistentvolumeclaims,
  pods,
  resourceclaims,
  resourcequotas,
  services,
} from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { type KubeObject, keyOf, type ResourceType, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { manualSource, onChange } from '../../reconcile/sources.ts';
import { type Amounts, addAmounts, whole } from '../../resources/quota/amounts.ts';
import { changesClaimUsage, claimEvaluator } from '../../resources/quota/claim-evaluator.ts';
import { deviceClaimEvaluator } from '../../resources/quota/device-claim-evaluator.ts';
import { countEvaluator, type Evaluator, isInScopes, kindOfAlias } from '../../resources/quota/evaluator.ts';
import { changesTermination, podEvaluator, takesResources } from '../../resources/quota/pod-evaluator.ts';
import { serviceEvaluator } from '../../resources/quota/service-evaluator.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { toStableText } from '../safe-hash.ts';

/** Source: kube-controller-manager `--resource-quota-sync-period`. */
const RESYNC_MS = 300_000;

interface Deps {
  readonly client: Client;
  readonly informers: Informers;
  readonly quotas: Informer<ResourceQuota>;
  readonly clock: Clock;
  /** Looks at the quotas of a namespace again, soon. */
  recount(namespace: string): void;
}

/**
 * The status of a quota by what there is. Limits keep their order; of names that no kind is counted by nothing is told.
 * Source: `pkg/controller/resourcequota/resource_quota_controller.go` (syncResourceQuota).
 */
export function planStatus(quota: ResourceQuota, usage: Amounts): ResourceQuota['status'] {
  const hard = quota.spec?.hard ?? {};
  const before = quota.status?.used ?? {};
  const used: Record<string, string> = {};
  for (const name of Object.keys(hard)) {
    const text = usage.get(name)?.toString() ?? before[name];
    if (text !== undefined) used[name] = text;
  }
  return { hard: { ...hard }, used };
}

interface CountedKind {
  readonly type: ResourceType<KubeObject>;
  readonly evaluator: Evaluator;
}

const specialKinds: readonly CountedKind[] = [
  { type: pods as unknown as ResourceType<KubeObject>, evaluator: podEvaluator },
  { type: services as unknown as ResourceType<KubeObject>, evaluator: serviceEvaluator },
  { type: persistentvolumeclaims as unknown as ResourceType<KubeObject>, evaluator: claimEvaluator },
  { type: resourceclaims as unknown as ResourceType<KubeObject>, evaluator: deviceClaimEvaluator },
];

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
    const names = Object.keys(quota.spec?.hard ?? {});
    const nowMs = this.#deps.clock.nowMs();
    let usage: Amounts = new Map();
    for (const { type, evaluator } of await this.#countedKinds(names)) {
      const informer = await this.#follow(type);
      // Even what there is none of is told.
      const zeros = names.filter((name) => evaluator.counts(name)).map((name) => [name, whole(0)] as const);
      usage = addAmounts(usage, new Map(zeros));
      for (const object of informer.list(namespace)) {
        if (isInScopes(evaluator, quota, object)) usage = addAmounts(usage, evaluator.usage(object, nowMs));
      }
    }
    return usage;
  }

  /** The kinds that the names of a quota are about. */
  async #countedKinds(names: readonly string[]): Promise<readonly CountedKind[]> {
    const special = specialKinds.filter(({ evaluator }) => names.some((name) => evaluator.counts(name)));
    const plain = new Set(
      names
        .map((name) => kindOfAlias(name) ?? name)
        .filter((name) => name.startsWith('count/') && !specialKinds.some(({ evaluator }) => evaluator.counts(name))),
    );
    const found = await Promise.all([...plain].map((name) => this.#findType(name.slice('count/'.length))));
    const types = found.filter((type) => type !== undefined);
    return [...special, ...types.map((type) => ({ type, evaluator: countEvaluator(type) }))];
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
      const frees = freeingUpdates[id];
      // What is added has been reserved by admission; counting it here could miss what is reserved and not yet stored.
      informer.addHandler({
        updated: (object, previous) =>
          frees?.(object, previous, this.#deps.clock.nowMs()) ? recount(object) : undefined,
        deleted: recount,
      });
    }
    return informer;
  }
}

type FreeingUpdate = (next: KubeObject, previous: KubeObject, nowMs: number) => boolean;

/** Updates, by kind, after which an object may count for less or elsewhere. Source: `pkg/quota/v1/install/update_filter.go`. */
const freeingUpdates: Readonly<Record<string, FreeingUpdate | undefined>> = {
  '/pods': (next, previous, nowMs) =>
    changesTermination(next, previous) ||
    hasResourcesChanged(next as Pod, previous as Pod) ||
    (takesResources(previous as Pod, nowMs) && !takesResources(next as Pod, nowMs)),
  '/services': (next, previous) => edgeType(next as Service) !== edgeType(previous as Service),
  '/persistentvolumeclaims': changesClaimUsage,
};

/** Whether containers were resized in place. One that only starts frees nothing. */
function hasResourcesChanged(next: Pod, previous: Pod): boolean {
  const before = [...(previous.status?.containerStatuses ?? []), ...(previous.status?.initContainerStatuses ?? [])];
  const after = [...(next.status?.containerStatuses ?? []), ...(next.status?.initContainerStatuses ?? [])];
  return before.some(({ name, resources }) => {
    const found = after.find((each) => each.name === name);
    return found !== undefined && toStableText(found.resources ?? null) !== toStableText(resources ?? null);
  });
}

function edgeType({ spec }: Service): string {
  return spec?.type === 'NodePort' || spec?.type === 'LoadBalancer' ? spec.type : '';
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
