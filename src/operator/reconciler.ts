import type { Client } from '../client/client.ts';
import type { Pod, Secret } from '../generated/api/core/v1.ts';
import {
  deployments,
  ingresses,
  networkpolicies,
  persistentvolumeclaims,
  poddisruptionbudgets,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { keyOf, type ObjectKey, parseKeyText, toKeyText } from '../machinery/object/object.ts';
import type { Reconciler, Result } from '../reconcile/reconciler.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { exposedHosts, isIp } from './addresses.ts';
import { adopt, isAnothers } from './adoption.ts';
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
import { holdBack } from './held-server.ts';
import { type HostCache, readLive } from './host.ts';
import { lostNodes, removeNode } from './lost-nodes.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { ResolveName } from './name-resolver.ts';
import { labelsOf, namesOf, type Observed, type OperatorSettings, secretText, type TenantState } from './observed.ts';
import type { Policies } from './policies/policies.ts';
import { ProbePace } from './probe-pace.ts';
import type { ReferencedSecrets } from './referenced-secrets.ts';
import { refusalOf } from './refusals.ts';
import { observeRestore } from './restore.ts';
import { finishRotation, rotateToken } from './rotation.ts';
import { SettledTenants } from './settled.ts';
import { skewedNodes, ToldSkew } from './skew.ts';
import { sortedLike } from './sorted-like.ts';
import { type Fault, type Progress, toStatus } from './status.ts';
import { steps } from './steps/index.ts';
import type { KeySource } from './steps/step.ts';
import { NEXT_PASSWORD } from './steps/token.ts';
import { findTakenPorts } from './taken-ports.ts';
import { type Granted, Wishes } from './wishes.ts';

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
  /** Lets go of what is kept for a tenant that is no more. */
  forget?(key: ObjectKey): void;
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
  readonly #pace = new ProbePace();
  readonly #settled = new SettledTenants();
  readonly #skew = new ToldSkew();
  readonly #wishes: Wishes;
  /** The status that was written last, until the cache shows it. */
  readonly #written = new Map<string, string>();

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
    this.#wishes = new Wishes(deps);
  }

  async reconcile(keyText: string, signal: AbortSignal): Promise<Result> {
    const cluster = this.#deps.cache.get(virtualClusters, parseKeyText(keyText));
    try {
      return await this.#reconcile(keyText, cluster, signal);
    } catch (error) {
      const told = refusalOf(error, 'the host') ?? faultOfOurs(error);
      if (told !== undefined && cluster !== undefined)
        this.#deps.events.event(cluster, 'Warning', told.reason, told.message);
      throw error;
    }
  }

  async #reconcile(keyText: string, cluster: VirtualCluster | undefined, signal: AbortSignal): Promise<Result> {
    const { client } = this.#deps;
    const key = parseKeyText(keyText);
    if (cluster === undefined) {
      for (const each of [this.#pace, this.#settled, this.#skew, this.#wishes]) each.forget(keyText);
      this.#written.delete(keyText);
      this.#deps.metrics?.gone(key);
      this.#deps.tenants.forget?.(key);
      return {};
    }
    this.#pace.add(keyText);
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
    const id = toKeyText(key);
    let observed = await this.#observe(cluster, signal);
    const settled = this.#settled.stepsOf(id, observed);
    let progress: Progress = { done: settled ?? [] };
    if (settled === undefined)
      ({ observed, ...progress } = await this.#takeSteps(await this.#adopt(observed, signal), signal));
    const { halted } = progress;
    const { secretRef } = observed.spec.datastore;
    if (halted?.condition === 'DatastoreReady' && secretRef !== undefined)
      this.#deps.referenced.forget({ ...key, name: secretRef.name });
    const isAsked = halted === undefined && !observed.spec.suspend;
    const tenant = isAsked ? await this.#probe(id, observed, signal) : undefined;
    observed = { ...observed, tenant };
    let failure: unknown;
    // A failure there is no reason to keep silent about all else.
    if (isAsked)
      observed = await this.#rotateToken(observed, signal).catch((error: unknown) => {
        failure = error;
        return observed;
      });
    this.#tellSkew(id, observed);
    if (settled === undefined || observed.tokenRotated || !this.#settled.isTold(id, observed)) {
      const isTold = await this.#writeStatus(observed, progress, key, signal);
      if (isTold) this.#settled.noteTold(id, observed);
    }
    if (failure !== undefined) throw failure;
    await this.#removeLost(observed, signal);
    if (!isAsked) return { requeueAfterMs: this.#pace.rest(id) };
    const { nowMs, pods } = observed;
    const ageMs = nowMs - Date.parse(cluster.metadata.creationTimestamp ?? '');
    const isWaitingForPod = pods.length > 0 && !pods.some(hasStarted);
    return { requeueAfterMs: this.#pace.pauseMs(id, { ageMs, isWaitingForPod, nowMs }) };
  }

  /** Goes through the steps until one has to wait. What the host refuses is told, and the rest goes on where it can. */
  async #takeSteps(seen: Observed, signal: AbortSignal): Promise<Progress & { readonly observed: Observed }> {
    const done: string[] = [];
    const faults: Fault[] = [];
    let observed = seen;
    let halted: Progress['halted'];
    for (const step of steps) {
      const outcome = await step.plan(observed, this.#deps.keys);
      if (outcome.kind === 'wait')
        halted = { condition: step.condition, reason: outcome.reason, message: outcome.message };
      const take = (granted: Granted): void => {
        observed = granted.observed;
        halted = granted.halted ?? halted;
        if (granted.fault !== undefined) faults.push(granted.fault);
      };
      for (const wanted of outcome.objects ?? []) take(await this.#wishes.bring(step, wanted, observed, signal));
      for (const each of outcome.unwanted ?? []) take(await this.#wishes.remove(step, each, observed, signal));
      if (halted !== undefined) return { done, halted, faults, observed };
      done.push(step.condition);
    }
    // The same object says that nothing was asked of the host.
    if (observed === seen && faults.length === 0) this.#settled.note(toKeyText(keyOf(seen.cluster)), seen, done);
    return { done, faults, observed };
  }

  /** Asks the tenant how it is, or remembers what it said a moment ago. */
  async #probe(id: string, observed: Observed, signal: AbortSignal): Promise<TenantState | undefined> {
    const { tenants, clock } = this.#deps;
    const { service, kubeconfigSecret, deployment, pods, nowMs } = observed;
    const basis = [service, kubeconfigSecret, deployment, ...pods];
    const known = this.#pace.lastAnswer(id, basis, nowMs);
    if (known !== undefined) return known;
    const state = await tenants.probe(observed, signal);
    this.#pace.note(id, basis, state, clock.nowMs());
    return state;
  }

  /** The identity of a tenant goes with whom it belongs to: with nobody where it is retained, and never with an earlier tenant. */
  async #adopt(observed: Observed, signal: AbortSignal): Promise<Observed> {
    const { cluster, pkiSecret, kubeconfigSecret } = observed;
    const { client } = this.#deps;
    const labels = labelsOf(cluster);
    const isRetained = observed.spec.deletionPolicy === 'Retain';
    const pki = await adopt(client, pkiSecret, { owner: isRetained ? undefined : cluster, labels }, signal);
    const kubeconfig = await adopt(client, kubeconfigSecret, { owner: cluster, labels }, signal);
    return pki === pkiSecret && kubeconfig === kubeconfigSecret
      ? observed
      : { ...observed, pkiSecret: pki, kubeconfigSecret: kubeconfig };
  }

  /** Another join token where the annotation has a value that was not acted on yet. */
  async #rotateToken(observed: Observed, signal: AbortSignal): Promise<Observed> {
    const { cluster } = observed;
    const wished = cluster.metadata.annotations?.[ROTATE_TOKEN];
    // One that was begun is brought to its end, whatever is wished by now: the datastore may know the new one alone.
    const isBegun = secretText(observed.tokenSecret, NEXT_PASSWORD) !== undefined;
    if (!isBegun && (wished === undefined || wished === cluster.status?.tokenRotation)) return observed;
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

  #tellSkew(id: string, { cluster, settings, tenant }: Observed): void {
    if (tenant === undefined) return;
    for (const { message } of this.#skew.news(id, skewedNodes(tenant.kubelets, settings.serverVersion)))
      this.#deps.events.event(cluster, 'Warning', 'NodeVersionSkew', message);
  }

  async #observe(cluster: VirtualCluster, signal: AbortSignal): Promise<Observed> {
    const { client, cache, settings, clock } = this.#deps;
    const names = namesOf(cluster);
    const { namespace } = cluster.metadata;
    const at = (name: string): ObjectKey => ({ namespace, name });
    // Keys and passwords are made once in the life of a tenant, so an old cache must not make them seem absent.
    // Those of an earlier tenant of the name may be gone already, though the cache still has them.
    const secret = async (name: string): Promise<Secret | undefined> => {
      const seen = cache.get(secrets, at(name));
      return seen === undefined || isAnothers(seen, cluster) ? await readLive(client, secrets, at(name), signal) : seen;
    };
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

  /** @returns whether it was as it should be. */
  async #writeStatus(observed: Observed, progress: Progress, key: ObjectKey, signal: AbortSignal): Promise<boolean> {
    const { client, events, keys, logger } = this.#deps;
    const { cluster } = observed;
    const status = toStatus(observed, progress, keys.caHash);
    this.#deps.metrics?.seen(cluster, status);
    const { halted } = progress;
    const told = cluster.status?.conditions?.find(({ type }) => type === halted?.condition);
    if (halted !== undefined && told?.reason !== halted.reason)
      events.event(cluster, 'Warning', halted.reason, halted.message);
    const upToDate = cluster.status?.conditions?.find(({ type }) => type === 'UpToDate');
    for (const { reason, message } of progress.faults ?? [])
      if (!upToDate?.message.includes(message)) events.event(cluster, 'Warning', reason, message);
    const violation = status.conditions?.find(({ type }) => type === 'PolicyViolation');
    const before = cluster.status?.conditions?.find(({ type }) => type === 'PolicyViolation');
    if (halted === undefined && violation?.status === 'True' && violation.message !== before?.message)
      events.event(cluster, 'Warning', violation.reason, violation.message);
    const registries = status.conditions?.find(({ type }) => type === 'RegistriesReady');
    const toldRegistries = cluster.status?.conditions?.find(({ type }) => type === 'RegistriesReady');
    if (registries?.status === 'False' && registries.message !== toldRegistries?.message)
      events.event(cluster, 'Warning', registries.reason, registries.message);
    if (JSON.stringify(status) === JSON.stringify(sortedLike(cluster.status, status))) {
      this.#written.delete(toKeyText(key));
      return true;
    }
    // The cache does not show yet what was written from the same state of it.
    const written = `${cluster.metadata.uid}/${cluster.metadata.resourceVersion}/${JSON.stringify(status)}`;
    if (this.#written.get(toKeyText(key)) === written) return false;
    this.#written.set(toKeyText(key), written);
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
      this.#written.delete(toKeyText(key));
      // Deleted meanwhile: nobody is left to tell.
      if (!isNotFound(error)) throw error;
    }
    return false;
  }
}

/** Whether the server of a pod runs. */
function hasStarted({ status }: Pod): boolean {
  return status?.containerStatuses?.some(({ ready, state }) => ready || state?.running !== undefined) ?? false;
}

/** A mistake in the operator itself, which passes by no waiting. */
function faultOfOurs(error: unknown): { reason: string; message: string } | undefined {
  if (!(error instanceof TypeError) && !(error instanceof RangeError) && !(error instanceof ReferenceError))
    return undefined;
  return { reason: 'OperatorFault', message: `the operator fails, and its log tells where: ${error.message}` };
}
