import type { AnyObject } from '../machinery/object/object.ts';

/** An object with its bytes: both stand for the same revision in the version that was asked for. */
export interface ServedItem {
  /** Frozen and shared. May be parsed only when first asked for. */
  readonly object: AnyObject;
  /** JSON with resourceVersion in place, without a line break. Shared: never change it. */
  readonly json: Buffer;
}

/** One page of a list. */
export interface ListPage {
  readonly apiVersion: string;
  /** Kind of the list, such as `PodList`. */
  readonly kind: string;
  readonly resourceVersion: string;
  readonly continue?: string | undefined;
  readonly remainingItemCount?: number | undefined;
  readonly items: readonly ServedItem[];
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** One change as a watcher sees it. */
export interface ServedEvent {
  readonly type: WatchEventType;
  readonly item: ServedItem;
  /** The finished JSON line, shared by all JSON watchers of the event. */
  line(): Buffer;
}

/** A running watch. It begins to collect events at once, so that none is lost before somebody reads. */
export interface WatchFeed {
  /**
   * Hands over batches of events in order, the pending ones now and later ones as they come.
   * @param onEvents called with at least one event.
   * @param onEnd called once, when the server ends the watch (time over, watcher too slow, shutdown).
   */
  follow(onEvents: (events: readonly ServedEvent[]) => void, onEnd: () => void): void;
  /** Stops it; `onEnd` is not called. */
  close(): void;
}
