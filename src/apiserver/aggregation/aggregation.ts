import type { Client } from '../../client/client.ts';
import type { APIService } from '../../generated/api/apiregistration/v1.ts';
import { apiservices } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ObjectFeed } from '../authz/object-feed.ts';
import type { Answer, AuthenticatedCall, Handler } from '../call.ts';
import type { RemoteVersion, RemoteVersions } from '../discovery/remote-versions.ts';
import type { GroupProxy } from '../dispatch.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { RemoteDocuments, RemoteSwagger } from '../openapi/remote-documents.ts';
import { noSuchResource } from '../route-errors.ts';
import type { WorkloadNetwork } from '../workloads/workload-network.ts';
import type { Aggregator } from './aggregator.ts';
import type { RemoteOpenApi } from './remote-openapi.ts';
import type { ProxyIdentity } from './remote-service.ts';

export interface AggregationOptions {
  readonly reader: ObjectReader;
  readonly feed: ObjectFeed;
  network(): Promise<WorkloadNetwork>;
  /** Shown to extension servers, signed by the authority that they find in `extension-apiserver-authentication`. */
  identity(): ProxyIdentity;
  /** Told of each APIService that becomes unavailable. */
  readonly onUnavailable?: ((name: string, reason: string) => void) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Loaded {
  readonly aggregator: Aggregator;
  readonly documents: RemoteOpenApi;
}

const MANAGED = 'kube-aggregator.kubernetes.io/automanaged';
const noVersions: readonly RemoteVersion[] = [];
const noSwaggers: readonly RemoteSwagger[] = [];

/**
 * The door to the servers of APIServices. What is behind it is loaded with the first APIService that is not this server's
 * own; until then it costs a look at an empty set.
 */
export class Aggregation implements GroupProxy, RemoteVersions, RemoteDocuments {
  readonly #options: AggregationOptions;
  readonly #remoteNames = new Set<string>();
  #loading: Promise<Loaded> | undefined;
  #loaded: Loaded | undefined;
  #starts: ((aggregator: Aggregator) => void) | undefined;

  constructor(options: AggregationOptions) {
    this.#options = options;
  }

  /** Resolves once all APIServices are known, and what they need is loaded. */
  async follow(): Promise<void> {
    const { feed, logger } = this.#options;
    await feed.follow(apiservices as ResourceType<APIService & KubeObject>, ({ change, object }) => {
      const { name = '', labels = {} } = object.metadata;
      if (change === 'gone' || !object.spec.service) this.#remoteNames.delete(name);
      else this.#remoteNames.add(name);
      const isOwn = !object.spec.service && labels[MANAGED] !== undefined;
      if (change === 'gone' || isOwn || this.#loading !== undefined) return;
      this.#load().catch((error) => logger.error('aggregated APIs are not served', { error }));
    });
    await this.#loading;
  }

  /** Begins to judge who is available. @param client - The server's own. */
  start(client: Client, signal: AbortSignal): void {
    this.#starts = (aggregator) => aggregator.start(client, signal);
    if (this.#loaded !== undefined) this.#starts(this.#loaded.aggregator);
  }

  find(group: string, version: string): Handler<AuthenticatedCall> | undefined {
    if (!this.#remoteNames.has(`${version}.${group}`)) return undefined;
    return this.#loaded?.aggregator.find(group, version) ?? ((call) => this.#answerLate(call, group, version));
  }

  remoteVersions(): readonly RemoteVersion[] {
    return this.#loaded?.aggregator.remoteVersions() ?? noVersions;
  }

  async v3Index(): Promise<ReadonlyMap<string, string>> {
    return (await this.#loaded?.documents.v3Index()) ?? new Map();
  }

  v3(call: AuthenticatedCall, path: string): Promise<Answer> | undefined {
    return this.#loaded?.documents.v3(call, path);
  }

  async v2(): Promise<readonly RemoteSwagger[]> {
    return (await this.#loaded?.documents.v2()) ?? noSwaggers;
  }

  async #answerLate(call: AuthenticatedCall, group: string, version: string): Promise<Answer> {
    const { aggregator } = await this.#load();
    const handler = aggregator.find(group, version);
    if (handler === undefined) throw noSuchResource();
    return await handler(call);
  }

  #load(): Promise<Loaded> {
    this.#loading ??= this.#open();
    return this.#loading;
  }

  async #open(): Promise<Loaded> {
    const { network, identity, clock, ...others } = this.#options;
    const [{ Aggregator }, { RemoteOpenApi }] = await Promise.all([
      import('./aggregator.ts'),
      import('./remote-openapi.ts'),
    ]);
    const aggregator = new Aggregator({ ...others, clock, network: await network(), identity: identity() });
    await aggregator.follow();
    const documents = new RemoteOpenApi({
      remotes: () => aggregator.remotes(),
      find: (group, version) => aggregator.find(group, version),
      clock,
    });
    this.#loaded = { aggregator, documents };
    this.#starts?.(aggregator);
    return this.#loaded;
  }
}
