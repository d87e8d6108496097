import type { ObjectKey } from '../../machinery/object/object.ts';
import type { ListPage, ServedItem, WatchFeed } from '../pages.ts';

/** A list or a watch, as the request states it. */
export interface CollectionQuery {
  /** Undefined for all namespaces, and for cluster-scoped kinds. */
  readonly namespace: string | undefined;
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  /** 0 for no limit. */
  readonly limit: number;
  readonly continue: string;
  readonly sendInitialEvents: boolean | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly signal: AbortSignal;
}

export interface WatchQuery extends CollectionQuery {
  /** When the server ends the watch. */
  readonly timeoutMs: number;
}

/** The readable side of a resource in one version. */
export interface Collection {
  /** @throws StatusError 404; 504 for a resourceVersion that does not come */
  get(key: ObjectKey, options: { resourceVersion: string; signal: AbortSignal }): Promise<ServedItem>;
  /** @throws StatusError 400 for bad selectors and tokens, 410 for revisions that are gone, 504 for ones that do not come */
  list(query: CollectionQuery): Promise<ListPage>;
  /** @throws StatusError 400; what goes wrong later is an ERROR event. */
  watch(query: WatchQuery): Promise<WatchFeed>;
}
