import type { Client } from '../client/client.ts';
import type { Deployment } from '../generated/api/apps/v1.ts';
import type { Secret, Service } from '../generated/api/core/v1.ts';
import {
  deployments,
  ingresses,
  networkpolicies,
  persistentvolumeclaims,
  poddisruptionbudgets,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { isInvalid, isNotFound } from '../machinery/errors/status-error.ts';
import { type AnyObject, keyOf, type ObjectKey, parseKeyText, type ResourceType } from '../machinery/object/object.ts';
import type { Reconciler, Result } from '../reconcile/reconciler.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { exposedHosts, isIp } from './addresses.ts';
import {
  FINALIZER,
  type Registries,
  ROTATE_TOKEN,
  type VirtualCluster,
  virtualClusters,
} from './api/virtual-cluster.ts';
import type { ReadLog } from './backups/job-result.ts';
import { finalize } from './finalize.ts';
import type { GatewayRoutes } from './gateway-routes.ts';
import { applyWanted, type HostCache, readLive } from './host.ts';
import { lostNodes, removeNode } from './lost-nodes.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { ResolveName } from './name-resolver.ts';
import { namesOf, type Observed, type OperatorSettings, type TenantState } from './observed.ts';
import type { PolicyVerdict } from './policies/judge.ts';
import type { Policies } from './policies/policies.ts';
import type { ReferencedSecrets } from './referenced-secrets.ts';
import { observeRestore } from './restore.ts';
import { failedImageOf, lastGoodOf, SERVER_VERSION } from './rollback.ts';
import { finishRotation, rotateToken } from './rotation.ts';
import { skewedNodes } from './skew.ts';
import { type Progress, toStatus } from './status.ts';
import { steps } from './steps/index.ts';
import { planService } from './steps/service.ts';
import type { KeySource, Step, Unwanted, Wanted } from './steps/step.ts';
import { judgeVersion } from './steps/version.ts';
import { findTakenPorts } from './taken-ports.ts';

/** How long after a change of the host the tenant's nodes are counted again. */
const PROBE_PERIOD_MS = 5_000;
/** Hundreds of tenants are asked less often each, so that asking costs the operator a small part of a core. */
const PROBES_PER_SECOND = 20;
/** While a server starts, its readiness is asked for this often, so that a tenant is Ready as soon as it serves. */
const STARTING_PROBE_MS = 100;
/** How many ports of its sequence a tenant tries before it gives up until the next round. */
const PORT_ATTEMPTS = 16;

/** Tells events of a VirtualCluster to its user. */
export interface EventSink {
  event(about: VirtualCluster, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** What it takes to reach a tenant. */
export type TenantHandle = Pick<Observed, 'cluster' | 'kubeconfigSecret' | 'service'>;

/** What the operator does with a tenant's own API. */
export interface TenantAccess {
  /** Speaks as its administrator; undefined while it has no kubeconfig or no port. */
  clientOf(tenant: TenantHandle): Client | undefined;
  /** Asks how it is; undefined where it does not answer. */
  probe(observed: Observed, signal: AbortSignal): Promise<TenantState | undefined>;
  /** Makes another password the one of its join token; harmless where it is already. @throws where it does not answer. */
  rotateToken(observed: Observed, passwords: { from: string; to: string }, signal: AbortSignal): Promise<void>;
}

export interface ReconcilerDeps {
  readonly client: Client;
  readonly cache: HostCache;
  readonly keys: KeySource;
  readonly tenants: TenantAccess;
  readonly resolve: ResolveName;
  readonly referenced: ReferencedSecrets;
  readonly policies: Policies;
  readonly routes: GatewayRoutes;
  readonly readLog: ReadLog;
  readonly metrics?: OperatorMetrics | undefined;
  readonly events: EventSink;
  readonly settings: OperatorSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Brings the host to what a VirtualCluster asks for: observe, plan step by step, apply, tell in status. */
export class VirtualClusterReconciler implements Reconciler {
  readonly #deps: ReconcilerDeps;
  /** Keys of the tenants that there are. */
  readonly #known = new Set<string>();

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(keyText: string, signal: AbortSignal): Promise<Result> {
    const { client, cache } = this.#deps;
    const key = parseKeyText(keyText);
    const cluster = cache.get(virtualClusters, key);
    if (cluster === undefined) {
      this.#known.delete(keyText);
      this.#deps.metrics?.gone(key);
      return {};
    }
    this.#known.add(keyText);
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
      }
      for (const wanted of outcome.objects ?? []) {
        const applied = await this.#apply(step, wanted, observed, signal);
        if ('halted' in applied) halted = applied.halted;
        else observed = withObject(observed, wanted, applied.object);
      }
      for (const each of outcome.unwanted ?? []) observed = await this.#remove(each, observed, signal);
      if (halted !== undefined) break;
      done.push(step.condition);
    }
    const { secretRef } = observed.spec.datastore;
    if (halted?.condition === 'DatastoreReady' && secretRef !== undefined)
      this.#deps.referenced.forget({ ...key, name: secretRef.name });
    const tenant =
      halted === undefined && !observed.spec.suspend ? await this.#deps.tenants.probe(observed, signal) : undefined;
    observed = { ...observed, tenant };
    await this.#removeLost(observed, signal);
    if (halted === undefined && !observed.spec.suspend) observed = await this.#rotateToken(observed, signal);
    this.#tellSkew(observed);
    await this.#writeStatus(observed, { done, halted }, key, signal);
    if (halted !== undefined || observed.spec.suspend) return { requeueAfterMs: PROBE_PERIOD_MS * 2 };
    return { requeueAfterMs: tenant?.ready ? this.#probePeriodMs() : this.#startingProbeMs(observed) };
  }

  /** Another join token where the annotation has a value that was not acted on yet. */
  async #rotateToken(observed: Observed, signal: AbortSignal): Promise<Observed> {
    const { cluster } = observed;
    const wished = cluster.metadata.annotations?.[ROTATE_TOKEN];
    if (wished === undefined || wished === cluster.status?.tokenRotation) return observed;
    const tokenSecret = observed.tenant?.ready
      ? await rotateToken(this.#deps, observed, signal)
      : await finishRotation(this.#deps, observed, signal);
    if (tokenSecret === undefined) return observed;
    this.#deps.events.event(
      cluster,
      'Normal',
      'TokenRotated',
      'the join token has changed: machines that join from now on need the new one',
    );
    return { ...observed, tokenSecret, tokenRotated: true };
  }

  /** Deletes Nodes of machines that never came back, where the tenant asks for that. */
  async #removeLost(observed: Observed, signal: AbortSignal): Promise<void> {
    const lost = lostNodes(observed);
    const client = lost.length === 0 ? undefined : this.#deps.tenants.clientOf(observed);
    if (client === undefined) return;
    for (const node of lost) {
      if (!(await removeNode(client, node, signal))) continue;
      const { removeAfter } = observed.cluster.spec.nodes ?? {};
      const message = `node ${node.name} was away for more than ${removeAfter}: it is removed`;
      this.#deps.events.event(observed.cluster, 'Normal', 'NodeRemoved', message);
    }
  }

  #tellSkew({ cluster, settings, tenant }: Observed): void {
    const told = cluster.status?.conditions?.some(({ reason }) => reason === 'NodeVersionSkew') ?? false;
    if (told || tenant === undefined) return;
    for (const { message } of skewedNodes(tenant.kubelets, settings.serverVersion))
      this.#deps.events.event(cluster, 'Warning', 'NodeVersionSkew', message);
  }

  async #remove({ type, key }: Unwanted, observed: Observed, signal: AbortSignal): Promise<Observed> {
    const slot = slotOf(observed, type.kind, key.name);
    if (observed[slot] === undefined) return observed;
    try {
      await this.#deps.client.delete(type as ResourceType<AnyObject>, key, { propagationPolicy: 'Background', signal });
      this.#deps.events.event(observed.cluster, 'Normal', 'Removed', `Removed ${type.kind} ${key.name}`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return { ...observed, [slot]: undefined };
  }

  #probePeriodMs(): number {
    return Math.max(PROBE_PERIOD_MS, (this.#known.size * 1000) / PROBES_PER_SECOND);
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
    const deployment = cache.get(deployments, at(names.server));
    const service =
      cache.get(services, at(names.server)) ?? (await readLive(client, services, at(names.server), signal));
    const judged = await this.#deps.policies.judge(cluster, { deployment, service }, settings.serverVersion, signal);
    const { spec } = judged;
    const held = holdBack(settings, spec.version, deployment, judged.policy);
    const { secretRef } = spec.datastore;
    const seen: Omit<Observed, 'resolved' | 'takenPorts'> = {
      cluster,
      ...judged,
      ...held,
      nowMs: clock.nowMs(),
      nodes: cache.readyNodes(),
      pods: cache.podsOf(cluster),
      backups: cache.backupsOf(cluster),
      disruptionBudget: cache.get(poddisruptionbudgets, at(names.server)),
      registries: await this.#observeRegistries(spec.registries, namespace, signal),
      datastoreSecret:
        secretRef === undefined ? undefined : await this.#deps.referenced.read(at(secretRef.name), signal),
      service,
      pkiSecret: await secret(names.pki),
      tokenSecret: await secret(names.token),
      kubeconfigSecret: await secret(names.kubeconfig),
      claim: cache.get(persistentvolumeclaims, at(names.claim)),
      deployment,
      networkPolicy: cache.get(networkpolicies, at(names.server)),
      ingress: cache.get(ingresses, at(names.server)),
      ...(await this.#observeRoute(cluster, at(names.server), signal)),
    };
    return {
      ...seen,
      ...(await observeRestore(this.#deps, seen, signal)),
      takenPorts: await findTakenPorts(seen),
      resolved: await this.#resolve(exposedHosts(seen)),
    };
  }

  /** What it takes is loaded where a tenant names registries. */
  async #observeRegistries(registries: Registries | undefined, namespace: string | undefined, signal: AbortSignal) {
    if (registries === undefined) return undefined;
    const { observeRegistries } = await import('./registries.ts');
    return await observeRegistries(this.#deps.referenced, registries, namespace, signal);
  }

  /** Asks only where a route is wished, or one was. */
  async #observeRoute(
    { spec, status }: VirtualCluster,
    key: ObjectKey,
    signal: AbortSignal,
  ): Promise<Pick<Observed, 'tlsRoute' | 'routeVersion'>> {
    if (spec.exposure?.gateway === undefined && !status?.publicEndpoint) return {};
    const { version, route } = await this.#deps.routes.read(key, signal);
    return { routeVersion: version, tlsRoute: route };
  }

  async #resolve(hosts: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const names = hosts.filter((host) => !isIp(host));
    return new Map(await Promise.all(names.map(async (name) => [name, await this.#deps.resolve(name)] as const)));
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
      } else if (object.metadata.resourceVersion !== present.metadata.resourceVersion) {
        events.event(cluster, 'Normal', 'Updated', `Updated ${wanted.type.kind} ${wanted.object.metadata.name}`);
      }
      return { object };
    } catch (error) {
      if (!isInvalid(error)) throw error;
      const message = (error as Error).message;
      if (step.name === 'service' && present === undefined && /port is already allocated/.test(message)) {
        return await this.#findPort(observed, message, signal);
      }
      return { halted: { condition: step.condition, reason: 'RefusedByHost', message } };
    }
  }

  /** Tries the tenant's next ports after the first one turned out to be taken. */
  async #findPort(
    observed: Observed,
    message: string,
    signal: AbortSignal,
  ): Promise<{ object: AnyObject } | { halted: NonNullable<Progress['halted']> }> {
    const { client } = this.#deps;
    const { cluster, spec } = observed;
    const halt = (reason: string, text: string) => ({
      halted: { condition: 'EndpointReachable', reason, message: text },
    });
    if (spec.exposure.port !== undefined) {
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
    this.#deps.metrics?.seen(cluster, status);
    const { halted } = progress;
    const told = cluster.status?.conditions?.find(({ type }) => type === halted?.condition);
    if (halted !== undefined && told?.reason !== halted.reason)
      events.event(cluster, 'Warning', halted.reason, halted.message);
    const violation = status.conditions?.find(({ type }) => type === 'PolicyViolation');
    const before = cluster.status?.conditions?.find(({ type }) => type === 'PolicyViolation');
    if (halted === undefined && violation?.status === 'True' && violation.message !== before?.message)
      events.event(cluster, 'Warning', violation.reason, violation.message);
    const registries = status.conditions?.find(({ type }) => type === 'RegistriesReady');
    const toldRegistries = cluster.status?.conditions?.find(({ type }) => type === 'RegistriesReady');
    if (registries?.status === 'False' && registries.message !== toldRegistries?.message)
      events.event(cluster, 'Warning', registries.reason, registries.message);
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

/**
 * The server that a tenant gets: the operator's own; or the one that it has, where its version may not change; or the
 * one that was ready last, where the operator's did not turn ready. All else that is wished is done in each case.
 */
function holdBack(
  settings: OperatorSettings,
  wished: string | undefined,
  deployment: Deployment | undefined,
  policy: PolicyVerdict | undefined,
): Pick<Observed, 'settings' | 'versionFault' | 'heldArgs' | 'lastGood' | 'failedImage'> {
  const running = deployment?.metadata.annotations?.[SERVER_VERSION];
  const lastGood = lastGoodOf(deployment);
  const forbidden = policy?.violations.find(({ reason }) => reason === 'VersionNotAllowed');
  const versionFault =
    judgeVersion(wished, settings.serverVersion, running) ??
    (running === settings.serverVersion ? undefined : forbidden);
  const { image, args } = deployment?.spec?.template.spec?.containers[0] ?? {};
  if (versionFault !== undefined) {
    if (running === undefined || image === undefined) return { settings, versionFault, lastGood };
    return { settings: { ...settings, serverVersion: running, image }, versionFault, heldArgs: args, lastGood };
  }
  const failedImage = failedImageOf(deployment, settings.image, lastGood);
  if (failedImage === undefined || lastGood === undefined) return { settings, lastGood };
  return {
    settings: { ...settings, serverVersion: lastGood.version, image: lastGood.image },
    versionFault: {
      reason: 'RolledBack',
      message: `the server of ${failedImage} did not turn ready, so ${lastGood.version} runs again: its log tells why; another image of the operator is tried anew`,
    },
    heldArgs: lastGood.args,
    lastGood,
    failedImage,
  };
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
  PodDisruptionBudget: 'disruptionBudget',
  Job: 'restoreJob',
  Ingress: 'ingress',
  TLSRoute: 'tlsRoute',
};

function slotOf({ cluster }: Observed, kind: string, name: string | undefined): keyof Observed {
  const names = namesOf(cluster);
  if (kind !== 'Secret') return slots[kind] as keyof Observed;
  if (name === names.pki) return 'pkiSecret';
  if (name === names.restore) return 'restoreSecret';
  return name === names.token ? 'tokenSecret' : 'kubeconfigSecret';
}

function presentOf(observed: Observed, wanted: Wanted): AnyObject | undefined {
  return observed[slotOf(observed, wanted.type.kind, wanted.object.metadata.name)] as AnyObject | undefined;
}

function withObject(observed: Observed, wanted: Wanted, object: AnyObject): Observed {
  return {
    ...observed,
    [slotOf(observed, wanted.type.kind, wanted.object.metadata.name)]: object as unknown as Service,
  };
}

/** With `deletionPolicy: Retain`, what makes up the tenant's identity and state is not owned, so nothing collects it. */
export function outlives({ cluster, spec }: Pick<Observed, 'cluster' | 'spec'>, wanted: Wanted): boolean {
  if (spec.deletionPolicy !== 'Retain') return false;
  const names = namesOf(cluster);
  return [names.pki, names.token, names.claim].includes(wanted.object.metadata.name ?? '');
}
