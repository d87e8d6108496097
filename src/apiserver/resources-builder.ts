import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import type { Clock } from '../std/clock.ts';
import type { AuthenticatedCall, Handler } from './call.ts';
import { CacheStorage, indexFor } from './registry/cache-storage.ts';
import { CachedCollection, type Freshness } from './registry/cached-collection.ts';
import { ResourceStore, type StoreHooks } from './registry/store.ts';
import type { ServedResource, SubresourceHandlers } from './served-resource.ts';
import type { ServedSubresource } from './served-resources.ts';
import { createOnlyHandler, type StoredParts, scaleHandlers, statusHandlers, storedVerbs } from './served-verbs.ts';
import type { Storage } from './storage/storage.ts';
import type { Creater } from './subresources/creater.ts';
import type { VerbDeps } from './verbs/scope.ts';

export interface BuilderDeps {
  readonly storage: Storage;
  readonly freshness: Freshness;
  readonly clock: Clock;
  readonly verbs: VerbDeps;
  /** The record of `autoscaling/v1, Scale`. */
  readonly scaleDefinition: ResourceDefinition;
}

/** What some resources have beside their record. */
export interface ResourceExtras {
  readonly hooks?: StoreHooks | undefined;
  /** Subresources beside status and scale; called with the finished parts of the resource. */
  subresources?(parts: StoredParts): Readonly<Record<string, SubresourceHandlers>>;
}

/** Makes records into resources that answer. */
export class ResourcesBuilder {
  readonly #deps: BuilderDeps;

  constructor(deps: BuilderDeps) {
    this.#deps = deps;
  }

  /** A resource whose objects are stored. */
  stored(
    definition: ResourceDefinition,
    siblings: readonly ResourceDefinition[],
    extras: ResourceExtras = {},
  ): ServedResource & { readonly store: ResourceStore } {
    const { storage, freshness, clock, verbs, scaleDefinition } = this.#deps;
    const cache = storage.cache(definition.storagePrefix, indexFor(siblings));
    const store = new ResourceStore(definition, new CacheStorage(cache, definition), { clock, hooks: extras.hooks });
    const collection = new CachedCollection(definition, { cache, view: store.view, freshness, clock });
    const parts: StoredParts = { definition, store, collection, siblings, deps: verbs };
    const subresources = new Map<string, SubresourceHandlers>();
    if (definition.hasStatus) subresources.set('status', statusHandlers(parts));
    const scale = scaleHandlers(parts, scaleDefinition);
    if (scale !== undefined) subresources.set('scale', scale);
    for (const [name, handlers] of Object.entries(extras.subresources?.(parts) ?? {})) subresources.set(name, handlers);
    return {
      definition,
      store,
      collection,
      verbs: storedVerbs(parts),
      subresources,
      shownSubresources: shownSubresources(definition, subresources),
    };
  }

  /** A resource that is only created and never stored. */
  virtual(definition: ResourceDefinition, creater: Creater): ServedResource {
    const scope = { definition, bodyDefinition: definition, subresource: '', deps: this.#deps.verbs };
    const create: Handler<AuthenticatedCall> = createOnlyHandler(scope, creater);
    return { definition, verbs: { create }, subresources: new Map(), shownSubresources: [] };
  }
}

/** Subresources as discovery shows them: status and scale by rule, the others by the record. */
function shownSubresources(
  definition: ResourceDefinition,
  handlers: ReadonlyMap<string, SubresourceHandlers>,
): readonly ServedSubresource[] {
  const shown: ServedSubresource[] = [];
  const readWrite = ['get', 'patch', 'update'];
  if (handlers.has('status')) shown.push({ name: 'status', kind: definition.kind, verbs: readWrite });
  if (handlers.has('scale')) {
    shown.push({ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: readWrite });
  }
  for (const [name, record] of Object.entries(definition.subresources ?? {})) {
    if (handlers.has(name) && !shown.some((entry) => entry.name === name)) shown.push({ name, ...record });
  }
  return shown.sort((a, b) => (a.name < b.name ? -1 : 1));
}
