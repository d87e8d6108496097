import type { Client } from '../../client/client.ts';
import type { APIVersionDiscovery } from '../../generated/api/apidiscovery/v2.ts';
import { apiservices, endpointslices, services } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';
import type { AuthenticatedCall, Handler } from '../call.ts';
import type { RemoteVersion, RemoteVersions } from '../discovery/remote-versions.ts';
import type { GroupProxy } from '../dispatch.ts';
import type { ObjectReader } from '../object-reader.ts';
import { openWorkload } from '../workloads/open-workload.ts';
import { WorkloadAgent } from '../workloads/workload-agent.ts';
import type { ServicePortRef, WorkloadNetwork } from '../workloads/workload-network.ts';
import { type Finding, findAvailability, locallyAvailable } from './availability.ts';
import { proxyToRemote } from './proxy-remote.ts';
import { readRemoteDiscovery, staleDiscovery } from './remote-discovery.ts';
import {
  availableCondition,
  hasSameSpec,
  type ProxyIdentity,
  type RemoteService,
  type StoredApiService,
  targetOf,
  tlsOf,
} from './remote-service.ts';
import { type Outcome, Rounds } from './rounds.ts';

export interface AggregatorOptions {
  readonly reader: ObjectReader;
  readonly feed: ObjectFeed;
  readonly network: WorkloadNetwork;
  /** Shown to extension servers, signed by the authority that they find in `extension-apiserver-authentication`. */
  readonly identity: ProxyIdentity;
  /** Told of each APIService that becomes unavailable. */
  readonly onUnavailable?: ((name: string, reason: string) => void) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DISCOVERY_MS = 5_000;
const SERVICE_NAME = 'kubernetes.io/service-name';

/**
 * Hands groups and versions to the servers that APIServices name, keeps the conditions of all APIServices true, and knows
 * what the others serve. Where there is no such server, it does nothing at all.
 * Source: kube-aggregator `pkg/apiserver/apiserver.go`.
 */
export class Aggregator implements GroupProxy, RemoteVersions {
  readonly #options: AggregatorOptions;
  readonly #remotes = new Map<string, RemoteService>();
  readonly #handlers = new Map<string, Handler<AuthenticatedCall>>();
  readonly #discovery = new Map<string, APIVersionDiscovery>();
  readonly #listeners = new Set<() => void>();
  readonly #rounds: Rounds;
  #versions: readonly RemoteVersion[] | undefined;
  #client: Client | undefined;
  #followsServices = false;

  constructor(options: AggregatorOptions) {
    this.#options = options;
    this.#rounds = new Rounds(options.clock, (name, signal) => this.#look(name, signal));
  }

  /** Resolves once all APIServices are known. */
  async follow(): Promise<void> {
    await this.#options.feed.follow(apiservices as ResourceType<StoredApiService>, ({ change, object }) => {
      if (change === 'set') this.#set(object);
      else this.#remove(object.metadata.name ?? '');
    });
  }

  /** Begins to judge who is available. @param client - The server's own. */
  start(client: Client, signal: AbortSignal): void {
    this.#client = client;
    this.#rounds.start(signal);
    signal.addEventListener('abort', () => this.#close(), { once: true });
  }

  find(group: string, version: string): Handler<AuthenticatedCall> | undefined {
    return this.#handlers.get(`${version}.${group}`);
  }

  /** All servers that are not this one. */
  remotes(): readonly RemoteService[] {
    return [...this.#remotes.values()];
  }

  remoteVersions(): readonly RemoteVersion[] {
    this.#versions ??= [...this.#remotes.values()].map(({ name, group, version, spec }) => ({
      group,
      version,
      groupPriority: spec.groupPriorityMinimum,
      versionPriority: spec.versionPriority,
      discovery: this.#discovery.get(name) ?? staleDiscovery(version),
    }));
    return this.#versions;
  }

  /** Calls after each round that has looked at another server. */
  onLook(call: () => void): void {
    this.#listeners.add(call);
  }

  #set(object: StoredApiService): void {
    const { name = '' } = object.metadata;
    const target = targetOf(object);
    const known = this.#remotes.get(name);
    if (target === undefined) {
      if (known !== undefined) this.#forget(name);
      if (availableCondition(object)?.reason !== locallyAvailable.reason) this.#rounds.ask(name);
      return;
    }
    const isAvailable = availableCondition(object)?.status === 'True';
    if (known !== undefined && hasSameSpec(known.spec, object.spec)) {
      known.isAvailable = isAvailable;
      return;
    }
    if (known !== undefined) this.#forget(name);
    const remote = this.#toRemote(object, target, isAvailable);
    this.#remotes.set(name, remote);
    const { network, clock } = this.#options;
    this.#handlers.set(name, (call) => proxyToRemote(call, remote, { network, clock }));
    this.#versions = undefined;
    this.#followServices();
    this.#rounds.ask(name);
  }

  #toRemote(object: StoredApiService, target: ServicePortRef, isAvailable: boolean): RemoteService {
    const { network, identity } = this.#options;
    const { group = '', version = '' } = object.spec;
    const tls = tlsOf(object, target, identity);
    const agent = new WorkloadAgent((signal) => openWorkload(network, () => network.ofService(target), tls, signal));
    const { name = '' } = object.metadata;
    return { name, group, version, target, tls, spec: object.spec, agent, isAvailable };
  }

  #remove(name: string): void {
    this.#forget(name);
    this.#rounds.forget(name);
  }

  #forget(name: string): void {
    this.#remotes.get(name)?.agent.close();
    this.#remotes.delete(name);
    this.#handlers.delete(name);
    this.#discovery.delete(name);
    this.#versions = undefined;
    for (const call of this.#listeners) call();
  }

  #close(): void {
    for (const { agent } of this.#remotes.values()) agent.close();
  }

  /** Services matter from the first server on that is reached by one. */
  #followServices(): void {
    if (this.#followsServices) return;
    this.#followsServices = true;
    const { feed, logger } = this.#options;
    const follow = (type: ResourceType<KubeObject>, nameOf: (object: KubeObject) => string | undefined): void => {
      feed
        .follow(type, ({ object }) => this.#askFor(object.metadata.namespace ?? '', nameOf(object)))
        .catch((error) => logger.warn('services of aggregated APIs are not followed', { error }));
    };
    follow(services as ResourceType<KubeObject>, ({ metadata }) => metadata.name);
    follow(endpointslices as ResourceType<KubeObject>, ({ metadata }) => metadata.labels?.[SERVICE_NAME]);
  }

  #askFor(namespace: string, service: string | undefined): void {
    for (const { name, target } of this.#remotes.values()) {
      if (target.namespace === namespace && target.name === service) this.#rounds.ask(name);
    }
  }

  async #look(name: string, signal: AbortSignal): Promise<Outcome> {
    try {
      return await this.#sync(name, signal);
    } catch (error) {
      this.#options.logger.warn('an APIService could not be judged', { name, error });
      return 'failed';
    }
  }

  /** @returns whether all is well; else it is tried again before long. */
  async #sync(name: string, signal: AbortSignal): Promise<Outcome> {
    const remote = this.#remotes.get(name);
    if (remote === undefined) {
      await this.#write(name, locallyAvailable, undefined);
      return 'settled';
    }
    const finding = await findAvailability(remote, this.#options);
    if (this.#remotes.get(name) !== remote) return 'watched';
    await this.#write(name, finding, remote);
    await this.#readDiscovery(remote, signal);
    return finding.reason === 'FailedDiscoveryCheck' ? 'failed' : 'watched';
  }

  /** Writes a condition where it has changed. */
  async #write(name: string, finding: Finding, remote: RemoteService | undefined): Promise<void> {
    const { reader, clock } = this.#options;
    const stored = await reader.get(apiservices as ResourceType<StoredApiService>, { name });
    if (stored === undefined || this.#client === undefined) return;
    // It may have been pointed elsewhere meanwhile: that is looked at in a round of its own.
    if ((targetOf(stored) === undefined) !== (remote === undefined)) return;
    const known = availableCondition(stored);
    const { status, reason, message } = finding;
    if (known?.status === status && known.reason === reason && known.message === message) return;
    const lastTransitionTime = known?.status === status ? known.lastTransitionTime : toTimeText(clock.nowMs());
    const condition = { type: 'Available', status, lastTransitionTime, reason, message };
    const others = (stored.status?.conditions ?? []).filter(({ type }) => type !== 'Available');
    try {
      const next = { ...stored, status: { ...stored.status, conditions: [...others, condition] } };
      await this.#client.update(apiservices, next as StoredApiService, { subresource: 'status' });
      if (status !== 'True' && known?.status !== status) this.#options.onUnavailable?.(name, reason ?? '');
    } catch (error) {
      // Somebody changed it: the change brings the next round.
      if (!isConflict(error) && !isNotFound(error)) throw error;
      this.#rounds.ask(name);
    }
  }

  /** Reads what the other server serves. */
  async #readDiscovery(remote: RemoteService, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const limit = new AbortController();
    const timer = clock.after(DISCOVERY_MS, () => limit.abort(new Error('request timed out')));
    const before = this.#discovery.get(remote.name);
    let next: APIVersionDiscovery;
    try {
      next = await readRemoteDiscovery(remote, AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      logger.debug('an aggregated API does not tell what it serves', { name: remote.name, error });
      next = staleDiscovery(remote.version, before);
    } finally {
      timer.cancel();
    }
    if (this.#remotes.get(remote.name) !== remote) return;
    if (JSON.stringify(before) !== JSON.stringify(next)) {
      this.#discovery.set(remote.name, next);
      this.#versions = undefined;
    }
    for (const call of this.#listeners) call();
  }
}
