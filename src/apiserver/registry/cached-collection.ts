import { StorageError } from '../../datastore/storage-error.ts';
import type { Status } from '../../generated/api/meta/v1.ts';
import { badRequest, expired, notFound, StatusError } from '../../machinery/errors/status-error.ts';
import { type ObjectKey, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Clock } from '../../std/clock.ts';
import type { ListPage, ServedItem, WatchFeed } from '../pages.ts';
import { toPrefix, toStorageKey } from '../storage/keys.ts';
import type { Selector } from '../storage/stored-object.ts';
import type { CacheList, CacheListOptions, WatchCache } from '../storage/watch-cache.ts';
import { type ContinueToken, parseContinueText, toContinueText } from '../verbs/continue-token.ts';
import type { Collection, CollectionQuery, WatchQuery } from './collection.ts';
import { CollectionFeed, errorFeed } from './collection-feed.ts';
import { parseResourceVersion, resourceVersionFault, tooLargeResourceVersion } from './resource-version.ts';
import { matchesServed, parseSelectors } from './selectors.ts';
import type { VersionView } from './version-view.ts';

/** How far this server has seen the log. */
export interface Freshness {
  /** The newest revision seen, of any key. */
  readonly revision: bigint;
  /** Resolves to whether the revision was seen within three seconds. */
  seen(revision: bigint): Promise<boolean>;
  /** The newest revision that the datastore has. */
  newest(): Promise<bigint>;
}

export interface CachedCollectionDeps {
  readonly cache: WatchCache;
  readonly view: VersionView;
  readonly freshness: Freshness;
  readonly clock: Clock;
}

/** Reads, lists and watches one resource from memory; only states of the past come from the datastore. */
export class CachedCollection implements Collection {
  readonly #definition: ResourceDefinition;
  readonly #deps: CachedCollectionDeps;

  constructor(definition: ResourceDefinition, deps: CachedCollectionDeps) {
    this.#definition = definition;
    this.#deps = deps;
  }

  async get(key: ObjectKey, options: { resourceVersion: string; signal: AbortSignal }): Promise<ServedItem> {
    const { cache, view } = this.#deps;
    const { group, plural, storagePrefix } = this.#definition;
    await this.#waitForGet(options.resourceVersion);
    const stored = await cache.get(toStorageKey(storagePrefix, key));
    if (stored === undefined) throw notFound({ group, resource: plural }, key.name);
    return await view.show(stored);
  }

  async list(query: CollectionQuery): Promise<ListPage> {
    const asked = parseSelectors(query, this.#definition);
    const prefix = toPrefix(this.#definition.storagePrefix, query.namespace);
    // Whoever converts may change labels and fields: what matches is known behind that, and comes in one page.
    if (asked !== undefined && this.#deps.view.isRemote) {
      const whole = await this.list({ ...query, labelSelector: '', fieldSelector: '', limit: 0 });
      return { ...whole, items: whole.items.filter(matchesServed(asked, this.#definition)) };
    }
    const selector = asked;
    const limit = query.limit > 0 ? query.limit : undefined;
    if (query.continue !== '') return await this.#continueList(query, prefix, selector, limit);
    const wanted = parseResourceVersion(query.resourceVersion);
    if (wanted !== undefined && wanted > 0n) {
      const exact =
        query.resourceVersionMatch === 'Exact' || (query.resourceVersionMatch === '' && limit !== undefined);
      await this.#waitFor(wanted);
      if (exact) return await this.#listAt(wanted, prefix, { selector, limit });
      return await this.#toPage(prefix, await this.#deps.cache.list({ prefix, selector, limit }));
    }
    // Any state will do, and all of it.
    if (wanted === 0n) return await this.#toPage(prefix, await this.#deps.cache.list({ prefix, selector }));
    await this.#waitForNewest();
    return await this.#toPage(prefix, await this.#deps.cache.list({ prefix, selector, limit }));
  }

  async watch(query: WatchQuery): Promise<WatchFeed> {
    const { cache, clock, freshness, view } = this.#deps;
    const selector = parseSelectors(query, this.#definition);
    const prefix = toPrefix(this.#definition.storagePrefix, query.namespace);
    const fault = query.resourceVersion === '' ? undefined : resourceVersionFault(query.resourceVersion);
    if (fault !== undefined) throw new StatusError({ code: 500, reason: '', message: fault });
    const wanted = parseResourceVersion(query.resourceVersion);
    const fromNowhere = wanted === undefined || wanted === 0n;
    const initial = query.sendInitialEvents ?? fromNowhere;
    await cache.load();
    if (initial && wanted === undefined) await this.#waitForNewest();
    if (initial && !fromNowhere && !(await freshness.seen(wanted))) {
      return errorFeed(tooLargeResourceVersion(wanted, freshness.revision).toStatus());
    }
    const feed = new CollectionFeed({
      definition: this.#definition,
      view,
      clock,
      revision: () => freshness.revision,
      timeoutMs: query.timeoutMs,
      bookmarks: query.allowWatchBookmarks,
      // Only those who asked for the initial events by name learn where they end.
      marksInitialEnd: query.sendInitialEvents === true && query.allowWatchBookmarks,
      after: wanted ?? 0n,
      matches: selector !== undefined && view.isRemote ? matchesServed(selector, this.#definition) : undefined,
    });
    try {
      await feed.open(cache, {
        prefix,
        selector: view.isRemote ? undefined : selector,
        ...(initial ? { initial } : { after: fromNowhere ? undefined : wanted }),
      });
    } catch (error) {
      if (!(error instanceof StorageError) || error.fault !== 'compacted') throw error;
      return errorFeed(tooOld(`too old resource version: ${wanted} (${error.revision})`));
    }
    return feed;
  }

  async #continueList(
    query: CollectionQuery,
    prefix: string,
    selector: Selector | undefined,
    limit: number | undefined,
  ): Promise<ListPage> {
    const token = parseContinueText(query.continue);
    if (query.resourceVersion !== '' && query.resourceVersion !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    // Any state will do, and all that is left of it.
    const most = query.resourceVersion === '0' ? undefined : limit;
    const options = { selector, limit: most, startAfter: prefix + token.start.replace(/\0$/, '') };
    if (token.revision < 0n || token.revision === this.#deps.freshness.revision) {
      return await this.#toPage(prefix, await this.#deps.cache.list({ prefix, ...options }));
    }
    return await this.#listAt(token.revision, prefix, options, token);
  }

  async #listAt(revision: bigint, prefix: string, options: CacheListOptions, token?: ContinueToken): Promise<ListPage> {
    try {
      return await this.#toPage(prefix, await this.#deps.cache.listAt(revision, { prefix, ...options }), revision);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.fault === 'future') throw tooLargeResourceVersion(revision, this.#deps.freshness.revision);
      if (error.fault !== 'compacted') throw error;
      if (token === undefined) throw expired('The resourceVersion for the provided list is too old.', { cause: error });
      throw new ExpiredPageError(toContinueText({ revision: -1n, start: token.start }));
    }
  }

  async #toPage(prefix: string, found: CacheList, revision = found.revision): Promise<ListPage> {
    const { view } = this.#deps;
    await view.prepare(found.items);
    const { continueAfter, remaining } = found;
    const token =
      continueAfter === undefined
        ? undefined
        : toContinueText({ revision, start: `${continueAfter.slice(prefix.length)}\0` });
    return {
      apiVersion: toApiVersion(this.#definition),
      kind: this.#definition.listKind,
      resourceVersion: revision.toString(),
      continue: token,
      remainingItemCount: token === undefined ? undefined : remaining,
      items: view.isIdentity ? found.items : found.items.map((item) => view.toServed(item)),
    };
  }

  async #waitForGet(resourceVersion: string): Promise<void> {
    if (resourceVersion === '' || resourceVersion === '0') {
      if (resourceVersion === '') await this.#waitForNewest();
      return;
    }
    const fault = resourceVersionFault(resourceVersion);
    if (fault !== undefined) throw new StatusError({ code: 500, reason: '', message: fault });
    await this.#waitFor(BigInt(resourceVersion));
  }

  async #waitFor(revision: bigint): Promise<void> {
    const { freshness } = this.#deps;
    if (!(await freshness.seen(revision))) throw tooLargeResourceVersion(revision, freshness.revision);
  }

  /** Whoever names no revision gets the newest state, also what another server wrote. */
  async #waitForNewest(): Promise<void> {
    const { freshness } = this.#deps;
    const newest = await freshness.newest();
    if (newest > freshness.revision) await this.#waitFor(newest);
  }
}

/** The 410 of a page whose revision is gone: it tells how to go on with newer state. */
class ExpiredPageError extends StatusError {
  readonly #continue: string;

  constructor(continueText: string) {
    const start =
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.';
    const rest =
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';
    super({ code: 410, reason: 'Expired', message: `${start} ${rest}` });
    this.#continue = continueText;
  }

  override toStatus(): ReturnType<StatusError['toStatus']> {
    return { ...super.toStatus(), metadata: { continue: this.#continue } };
  }
}

function tooOld(message: string): Status {
  return expired(message).toStatus();
}
