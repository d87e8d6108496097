import type { Client } from '../client/client.ts';
import type { Secret, Service } from '../generated/api/core/v1.ts';
import {
  deployments,
  networkpolicies,
  persistentvolumeclaims,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { isInvalid, isNotFound } from '../machinery/errors/status-error.ts';
import { type AnyObject, keyOf, type ObjectKey, parseKeyText } from '../machinery/object/object.ts';
import type { Reconciler, Result } from '../reconcile/reconciler.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { FINALIZER, type VirtualCluster, virtualClusters, withDefaults } from './api/virtual-cluster.ts';
import { finalize } from './finalize.ts';
import { applyWanted, type HostCache, readLive } from './host.ts';
import { namesOf, type Observed, type OperatorSettings, type TenantState } from './observed.ts';
import { type Progress, toStatus } from './status.ts';
import { steps } from './steps/index.ts';
import { planService } from './steps/service.ts';
import type { KeySource, Step, Wanted } from './steps/step.ts';

/** How long after a change of the host the tenant's nodes are counted again. */
const PROBE_PERIOD_MS = 5_000;
/** While a server starts, its readiness is asked for this often, so that a tenant is Ready as soon as it serves. */
const STARTING_PROBE_MS = 100;
/** How many ports of its sequence a tenant tries before it gives up until the next round. */
const PORT_ATTEMPTS = 16;

/** Tells events of a VirtualCluster to its user. */
export interface EventSink {
  event(about: VirtualCluster, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** Asks a tenant's own API how it is; undefined where it does not answer. */
export type TenantProbe = (observed: Observed, signal: AbortSignal) => Promise<TenantState | undefined>;

export interface ReconcilerDeps {
  readonly client: Client;
  readonly cache: HostCache;
  readonly keys: KeySource;
  readonly probe: TenantProbe;
  readonly events: EventSink;
  readonly settings: OperatorSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Brings the host to what a VirtualCluster asks for: observe, plan step by step, apply, tell in status. */
export class VirtualClusterReconciler implements Reconciler {
  readonly #deps: ReconcilerDeps;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(keyText: string, signal: AbortSignal): Promise<Result> {
    const { client, cache } = this.#deps;
    const key = parseKeyText(keyText);
    const cluster = cache.get(virtualClusters, key);
    if (cluster === undefined) return {};
    if (cluster.metadata.deletionTimestamp !== undefined) return await finalize(this.#deps, cluster, signal);
    if (!cluster.metadata.finalizers?.includes(FINALIZER)) {
      const finalizers = [...(cluster.metadata.finalizers ?? []), FINALIZER];
      const { resourceVersion } = cluster.metadata;
      await client.patch(
        virtualClusters,
        key,
        { metadata: { finalizers, resourceVersion } },
        { type: 'merge', signal },
      );
    }
    return await this.#bringAbout(cluster, key, signal);
  }

  async #bringAbout(cluster: VirtualCluster, key: ObjectKey, signal: AbortSignal): Promise<Result> {
    let observed = await this.#observe(cluster, signal);
    const done: string[] = [];
    let halted: Progress['halted'];
    for (const step of steps) {
      const outcome = await step.plan(observed, this.#deps.keys);
      if (outcome.kind === 'wait') {
        halted = { condition: step.condition, reason: outcome.reason, message: outcome.message };
        break;
      }
      for (const wanted of outcome.objects) {
        const applied = await this.#apply(step, wanted, observed, signal);
        if ('halted' in applied) halted = applied.halted;
        else observed = withObject(observed, wanted, applied.object);
      }
      if (halted !== undefined) break;
      done.push(step.condition);
    }
    const tenant =
      halted === undefined && !observed.spec.suspend ? await this.#deps.probe(observed, signal) : undefined;
    observed = { ...observed, tenant };
    await this.#writeStatus(observed, { done, halted }, key, signal);
    if (halted !== undefined || observed.spec.suspend) return { requeueAfterMs: PROBE_PERIOD_MS * 2 };
    return { requeueAfterMs: tenant?.ready ? PROBE_PERIOD_MS : this.#startingProbeMs(observed) };
  }

  /** Often at first, then calmer: a server that does not come up must not cost the host anything. */
  #startingProbeMs({ cluster, nowMs }: Observed): number {
    const ageMs = nowMs - Date.parse(cluster.metadata.creationTimestamp ?? '');
    return ageMs < 60_000 ? STARTING_PROBE_MS : PROBE_PERIOD_MS;
  }

  async #observe(cluster: VirtualCluster, signal: AbortSignal): Promise<Observed> {
    const { client, cache, settings, clock } = this.#deps;
    const names = namesOf(cluster);
    const { namespace } = cluster.metadata;
    const at = (name: string): ObjectKey => ({ namespace, name });
    // Keys and passwords are made once in the life of a tenant, so an old cache must not make them seem absent.
    const secret = async (name: string): Promise<Secret | undefined> =>
      cache.get(secrets, at(name)) ?? (await readLive(client, secrets, at(name), signal));
    return {
      cluster,
      spec: withDefaults(cluster.spec),
      settings,
      nowMs: clock.nowMs(),
      nodes: cache.readyNodes(),
      service: cache.get(services, at(names.server)) ?? (await readLive(client, services, at(names.server), signal)),
      pkiSecret: await secret(names.pki),
      tokenSecret: await secret(names.token),
      kubeconfigSecret: await secret(names.kubeconfig),
      claim: cache.get(persistentvolumeclaims, at(names.claim)),
      deployment: cache.get(deployments, at(names.server)),
      networkPolicy: cache.get(networkpolicies, at(names.server)),
    };
  }

  async #apply(
    step: Step,
    wanted: Wanted,
    observed: Observed,
    signal: AbortSignal,
  ): Promise<{ object: AnyObject } | { halted: NonNullable<Progress['halted']> }> {
    const { client, events } = this.#deps;
    const { cluster } = observed;
    const present = presentOf(observed, wanted);
    const owner = outlives(observed, wanted) ? undefined : cluster;
    try {
      const object = await applyWanted(client, wanted, present, owner, signal);
      if (present === undefined) {
        events.event(cluster, 'Normal', 'Created', `Created ${wanted.type.kind} ${wanted.object.metadata.name}`);
      }
      return { object };
    } catch (error) {
      if (!isInvalid(error)) throw error;
      const message = (error as Error).message;
      if (step.name === 'service' && present === undefined && /port is already allocated/.test(message)) {
        return await this.#findPort(observed, message, signal);
      }
      events.event(cluster, 'Warning', 'Refused', message);
      return { halted: { condition: step.condition, reason: 'RefusedByHost', message } };
    }
  }

  /** Tries the tenant's next ports after the first one turned out to be taken. */
  async #findPort(
    observed: Observed,
    message: string,
    signal: AbortSignal,
  ): Promise<{ object: AnyObject } | { halted: NonNullable<Progress['halted']> }> {
    const { client, events } = this.#deps;
    const { cluster, spec } = observed;
    const halt = (reason: string, text: string) => ({ halted: { condition: 'EndpointReady', reason, message: text } });
    if (spec.exposure.port !== undefined) {
      events.event(cluster, 'Warning', 'PortTaken', message);
      return halt(
        'PortTaken',
        `spec.exposure.nodePort.port ${spec.exposure.port} belongs to another Service: choose another one, or leave it empty`,
      );
    }
    for (let attempt = 1; attempt < PORT_ATTEMPTS; attempt++) {
      const outcome = planService(observed, attempt);
      const wanted = outcome.kind === 'want' ? outcome.objects[0] : undefined;
      if (wanted === undefined) break;
      try {
        return { object: await applyWanted(client, wanted, undefined, cluster, signal) };
      } catch (error) {
        if (!isInvalid(error)) throw error;
      }
    }
    return halt('NoFreePort', `no free port after ${PORT_ATTEMPTS} attempts: ${message}`);
  }

  async #writeStatus(observed: Observed, progress: Progress, key: ObjectKey, signal: AbortSignal): Promise<void> {
    const { client, events, keys, logger } = this.#deps;
    const { cluster } = observed;
    const status = toStatus(observed, progress, keys.caHash);
    if (JSON.stringify(status) === JSON.stringify(sortedLike(cluster.status, status))) return;
    if (status.phase !== cluster.status?.phase) {
      const why = status.conditions?.find((condition) => condition.type === 'Ready')?.message ?? '';
      events.event(
        cluster,
        status.phase === 'Degraded' ? 'Warning' : 'Normal',
        status.phase ?? 'Pending',
        why || `phase is ${status.phase}`,
      );
      logger.info('phase changed', { virtualCluster: keyOf(cluster), phase: status.phase });
    }
    try {
      await client.patch(virtualClusters, key, { status }, { type: 'merge', subresource: 'status', signal });
    } catch (error) {
      // Deleted meanwhile: nobody is left to tell.
      if (!isNotFound(error)) throw error;
    }
  }
}

/** The fields of `present` in the order of `model`, so that equal states have equal texts. */
function sortedLike(present: unknown, model: unknown): unknown {
  if (Array.isArray(present) && Array.isArray(model))
    return present.map((item, index) => sortedLike(item, model[index]));
  if (typeof present !== 'object' || present === null || typeof model !== 'object' || model === null) return present;
  const left = present as Record<string, unknown>;
  const order = Object.keys(model);
  const keys = Object.keys(left).sort((a, b) => rank(order, a) - rank(order, b));
  return Object.fromEntries(keys.map((key) => [key, sortedLike(left[key], (model as Record<string, unknown>)[key])]));
}

function rank(order: readonly string[], key: string): number {
  const index = order.indexOf(key);
  return index < 0 ? order.length : index;
}

const slots: Record<string, keyof Observed> = {
  Service: 'service',
  PersistentVolumeClaim: 'claim',
  Deployment: 'deployment',
  NetworkPolicy: 'networkPolicy',
};

function slotOf({ cluster }: Observed, wanted: Wanted): keyof Observed {
  const names = namesOf(cluster);
  if (wanted.type.kind !== 'Secret') return slots[wanted.type.kind] as keyof Observed;
  const { name } = wanted.object.metadata;
  if (name === names.pki) return 'pkiSecret';
  return name === names.token ? 'tokenSecret' : 'kubeconfigSecret';
}

function presentOf(observed: Observed, wanted: Wanted): AnyObject | undefined {
  return observed[slotOf(observed, wanted)] as AnyObject | undefined;
}

function withObject(observed: Observed, wanted: Wanted, object: AnyObject): Observed {
  return { ...observed, [slotOf(observed, wanted)]: object as unknown as Service };
}

/** With `deletionPolicy: Retain`, what makes up the tenant's identity and state is not owned, so nothing collects it. */
export function outlives({ cluster, spec }: Pick<Observed, 'cluster' | 'spec'>, wanted: Wanted): boolean {
  if (spec.deletionPolicy !== 'Retain') return false;
  const names = namesOf(cluster);
  return [names.pki, names.token, names.claim].includes(wanted.object.metadata.name ?? '');
}
