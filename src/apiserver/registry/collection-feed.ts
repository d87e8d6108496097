import type { Subscription } from '../../datastore/backend.ts';
import type { Status } from '../../generated/api/meta/v1.ts';
import { type AnyObject, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Clock, Timer } from '../../std/clock.ts';
import type { ServedEvent, ServedItem, WatchEventType, WatchFeed } from '../pages.ts';
import type { CacheEvent } from '../storage/cache-event.ts';
import type { CacheWatchOptions, WatchCache } from '../storage/watch-cache.ts';
import type { VersionView } from './version-view.ts';

/** Events that a reader may leave untaken before the watch ends; it then comes back and lists. */
const MOST_PENDING = 100_000;
const BOOKMARK_MS = 60_000;
/** A last bookmark saves the client a list when it comes back. Source: apiserver `cacher.go` (bookmark frequency). */
const LAST_BOOKMARK_MS = 2_000;
const INITIAL_END = 'k8s.io/initial-events-end';

export interface CollectionFeedOptions {
  readonly definition: ResourceDefinition;
  readonly view: VersionView;
  readonly clock: Clock;
  revision(): bigint;
  readonly timeoutMs: number;
  readonly bookmarks: boolean;
  readonly marksInitialEnd: boolean;
  /** The revision that the client has seen already. */
  readonly after: bigint;
  /** What the watch is about, where that is known of shown objects only. Default: all that comes. */
  readonly matches?: ((item: ServedItem) => boolean) | undefined;
}

/** One watch of a collection: collects events from the start, hands them on once somebody follows. */
export class CollectionFeed implements WatchFeed {
  readonly #options: CollectionFeedOptions;
  readonly #timers: Timer[] = [];
  #pending: ServedEvent[] = [];
  #subscription: Subscription | undefined;
  #onEvents: ((events: readonly ServedEvent[]) => void) | undefined;
  #onEnd: (() => void) | undefined;
  #ended = false;
  #lastSent: bigint;
  /** Settles once everything before is shown; undefined while nothing has to wait. */
  #turn: Promise<void> | undefined;
  /** Whether objects matched when they were shown last, where only shown ones can be matched. */
  readonly #matched = new Map<string, boolean>();

  constructor(options: CollectionFeedOptions) {
    this.#options = options;
    this.#lastSent = options.after;
  }

  /** Begins to collect. @throws StorageError `compacted` */
  async open(
    cache: WatchCache,
    options: Pick<CacheWatchOptions, 'prefix' | 'selector' | 'initial' | 'after'>,
  ): Promise<void> {
    this.#subscription = await cache.watch({
      ...options,
      onEvents: (events) => this.#accept(events),
      onEnd: () => this.#end(),
    });
    const { bookmarks, clock, marksInitialEnd, timeoutMs } = this.#options;
    if (marksInitialEnd) this.#pushInTurn([this.#bookmark({ [INITIAL_END]: 'true' })]);
    if (bookmarks) {
      this.#timers.push(clock.every(BOOKMARK_MS, () => this.#pushBookmark()));
      if (timeoutMs > LAST_BOOKMARK_MS) {
        this.#timers.push(clock.after(timeoutMs - LAST_BOOKMARK_MS, () => this.#pushBookmark()));
      }
    }
    this.#timers.push(clock.after(timeoutMs, () => this.#end()));
  }

  follow(onEvents: (events: readonly ServedEvent[]) => void, onEnd: () => void): void {
    this.#onEvents = onEvents;
    this.#onEnd = onEnd;
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length > 0) onEvents(pending);
    if (this.#ended) onEnd();
  }

  close(): void {
    this.#onEvents = undefined;
    this.#onEnd = undefined;
    this.#stop();
  }

  #accept(events: readonly CacheEvent[]): void {
    const { view } = this.#options;
    const last = events.at(-1)?.item.revision;
    if (last !== undefined && last > this.#lastSent) this.#lastSent = last;
    if (view.isIdentity) {
      this.#push(events);
      return;
    }
    const show = (): void => this.#push(this.#shown(events));
    const preparing = view.prepare(events.map(({ item }) => item));
    if (preparing === undefined && this.#turn === undefined) show();
    else this.#inTurn(show, preparing);
  }

  #shown(events: readonly CacheEvent[]): readonly ServedEvent[] {
    const { view, matches } = this.#options;
    const shown = events.map(({ type, item }) => new ViewedEvent(type, view.toServed(item)));
    if (matches === undefined) return shown;
    return shown.flatMap((event) => this.#matching(event, matches(event.item)) ?? []);
  }

  /**
   * What a client sees of a change that asked for some objects only. One that goes on from a revision may have seen any
   * object before: what does not match is gone for it.
   */
  #matching({ type, item }: ServedEvent, isMatch: boolean): ServedEvent | undefined {
    const { namespace = '', name = '' } = item.object.metadata;
    const key = `${namespace}/${name}`;
    const wasMatch = this.#matched.get(key) ?? type !== 'ADDED';
    if (type === 'DELETED') this.#matched.delete(key);
    else this.#matched.set(key, isMatch);
    if (type !== 'DELETED' && isMatch) return new ViewedEvent(wasMatch ? 'MODIFIED' : 'ADDED', item);
    return wasMatch ? new ViewedEvent('DELETED', item) : undefined;
  }

  /** Runs when everything that came before is shown. A watch that cannot be shown ends, as upstream's does. */
  #inTurn(run: () => void, preparing?: Promise<void>): void {
    const turn: Promise<void> = Promise.all([this.#turn, preparing])
      .then(() => {
        if (!this.#ended) run();
      })
      .catch(() => this.#end())
      .finally(() => {
        if (this.#turn === turn) this.#turn = undefined;
      });
    this.#turn = turn;
  }

  #pushInTurn(events: readonly ServedEvent[]): void {
    if (this.#turn === undefined) this.#push(events);
    else this.#inTurn(() => this.#push(events));
  }

  #push(events: readonly ServedEvent[]): void {
    if (this.#onEvents !== undefined) {
      this.#onEvents(events);
      return;
    }
    if (this.#ended) return;
    this.#pending.push(...events);
    if (this.#pending.length > MOST_PENDING) this.#end();
  }

  #pushBookmark(): void {
    // What was sent may be newer than what was counted as seen: never step back.
    if (this.#options.revision() > this.#lastSent) this.#pushInTurn([this.#bookmark()]);
  }

  #bookmark(annotations?: Record<string, string>): ServedEvent {
    const { definition } = this.#options;
    const seen = this.#options.revision();
    if (seen > this.#lastSent) this.#lastSent = seen;
    const object: AnyObject = {
      kind: definition.kind,
      apiVersion: toApiVersion(definition),
      metadata: {
        resourceVersion: this.#lastSent.toString(),
        ...(annotations === undefined ? {} : { annotations }),
      },
    };
    return new ViewedEvent('BOOKMARK', toItem(object));
  }

  #end(): void {
    if (this.#ended) return;
    this.#stop();
    this.#onEnd?.();
  }

  #stop(): void {
    this.#ended = true;
    this.#subscription?.close();
    for (const timer of this.#timers) timer.cancel();
  }
}

/** An event that is not shared with other watches, or only among those of one version. */
class ViewedEvent implements ServedEvent {
  readonly type: WatchEventType;
  readonly item: ServedItem;

  constructor(type: WatchEventType, item: ServedItem) {
    this.type = type;
    this.item = item;
  }

  line(): Buffer {
    return Buffer.concat([Buffer.from(`{"type":"${this.type}","object":`), this.item.json, Buffer.from('}\n')]);
  }
}

function toItem(object: AnyObject): ServedItem {
  return { object, json: Buffer.from(JSON.stringify(object)) };
}

/** A watch that says what is wrong and ends. */
export function errorFeed(status: Status): WatchFeed {
  return {
    follow(onEvents, onEnd) {
      onEvents([new ViewedEvent('ERROR', toItem(status as unknown as AnyObject))]);
      onEnd();
    },
    close() {},
  };
}
