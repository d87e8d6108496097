import type { Client } from '../../client/client.ts';
import { type DiscoveredResource, discoverResources } from '../../client/discovery.ts';
import type { Informers } from '../../client/informers.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { OwnerGraph } from './graph.ts';

/** Watches every resource that can be deleted and feeds the graph. Follows custom resources as they come and go. */
export class Monitors {
  readonly #client: Client;
  readonly #informers: Informers;
  readonly #graph: OwnerGraph;
  readonly #logger: Logger;
  readonly #watched = new Map<string, { readonly resource: DiscoveredResource; readonly stop: () => void }>();
  #kinds = new Map<string, DiscoveredResource>();
  #versions: ReadonlySet<string> = new Set();

  constructor(deps: { client: Client; informers: Informers; graph: OwnerGraph; logger: Logger }) {
    this.#client = deps.client;
    this.#informers = deps.informers;
    this.#graph = deps.graph;
    this.#logger = deps.logger;
  }

  /** The resource of a kind, as owner references name it. Served versions of a group count alike, others not at all. */
  resourceOf(apiVersion: string, kind: string): DiscoveredResource | undefined {
    if (!this.#versions.has(apiVersion)) return undefined;
    return this.#kinds.get(`${toGroup(apiVersion)}|${kind}`);
  }

  /** Whether the kind's objects are in the graph. */
  isMonitored(resource: DiscoveredResource): boolean {
    return this.#watched.has(toId(resource));
  }

  /** Starts and stops watches after the server's discovery. Throws where some groups did not answer: call again then. */
  async sync(): Promise<void> {
    const { resources, versions, failures } = await discoverResources(this.#client);
    const found = new Map(resources.filter(isCollectable).map((resource) => [toId(resource), resource]));
    const kinds = new Map(resources.map((each) => [`${each.group}|${each.kind}`, each]));
    for (const [key, resource] of this.#kinds) {
      // A group that does not answer keeps what it had: its objects still stand.
      if (!kinds.has(key) && failures.has(toApiVersion(resource))) kinds.set(key, resource);
    }
    this.#kinds = kinds;
    this.#versions = versions;
    for (const [id, { resource, stop }] of this.#watched) {
      if (found.has(id) || failures.has(toApiVersion(resource))) continue;
      this.#logger.debug('no longer watching a resource for garbage', { resource: id });
      const informer = this.#informers.find(resource);
      stop();
      this.#watched.delete(id);
      this.#informers.stop(resource);
      for (const object of informer?.list() ?? []) this.#graph.remove(resource, object);
    }
    for (const [id, resource] of found) {
      if (this.#watched.has(id)) continue;
      const stop = this.#informers.for(resource).addHandler({
        added: (object) => this.#graph.upsert(resource, object),
        updated: (object, previous) => {
          // Another object of the same name: the deletion between was not seen.
          if (object.metadata.uid !== previous.metadata.uid) this.#graph.remove(resource, previous);
          this.#graph.upsert(resource, object, object.metadata.uid === previous.metadata.uid ? previous : undefined);
        },
        deleted: (object) => this.#graph.remove(resource, object),
      });
      this.#watched.set(id, { resource, stop });
    }
    if (failures.size > 0) throw new Error(`discovery failed for ${[...failures.keys()].join(', ')}`);
  }

  /** Resolves once all that is watched now holds its first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#watched.values()].map(({ resource }) => this.#informers.find(resource)?.synced));
  }

  close(): void {
    for (const { stop } of this.#watched.values()) stop();
    this.#watched.clear();
  }
}

/** Source: `garbagecollector.go` (GetDeletableResources) and its default ignored resources. */
function isCollectable(resource: DiscoveredResource): boolean {
  if (resource.plural === 'events' && (resource.group === '' || resource.group === 'events.k8s.io')) return false;
  return ['delete', 'list', 'watch'].every((verb) => resource.verbs.includes(verb));
}

function toId(resource: DiscoveredResource): string {
  return `${resource.group}/${resource.plural}`;
}

function toGroup(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}
