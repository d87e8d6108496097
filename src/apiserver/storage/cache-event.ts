import type { Selector, StoredObject } from './stored-object.ts';

export type CacheEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** One change as one kind of watcher sees it; all watchers of that kind share it, and its line. */
export class CacheEvent {
  readonly type: CacheEventType;
  readonly item: StoredObject;
  #line: Buffer | undefined;

  constructor(type: CacheEventType, item: StoredObject) {
    this.type = type;
    this.item = item;
  }

  /** The JSON line of a watch, made once. */
  line(): Buffer {
    this.#line ??= Buffer.concat([Buffer.from(`{"type":"${this.type}","object":`), this.item.json, LINE_END]);
    return this.#line;
  }
}

const LINE_END = Buffer.from('}\n');

/** A change of one key: what it was, what it is. */
export class Change {
  readonly revision: bigint;
  readonly atMs: number;
  /** Undefined for a deletion. */
  readonly next: StoredObject | undefined;
  readonly previous: StoredObject | undefined;
  readonly #views = new Map<CacheEventType, CacheEvent>();

  constructor(revision: bigint, atMs: number, next: StoredObject | undefined, previous: StoredObject | undefined) {
    this.revision = revision;
    this.atMs = atMs;
    this.next = next;
    this.previous = previous;
  }

  get key(): string {
    return (this.next ?? (this.previous as StoredObject)).key;
  }

  /**
   * What a watcher with the selector sees: an object that begins to match is added, one that no longer does is deleted
   * and shows its old state at the new revision.
   *
   * Source: apiserver `pkg/storage/cacher/cache_watcher.go` (convertToWatchEvent).
   */
  seenBy(selector: Selector | undefined): CacheEvent | undefined {
    const { next, previous } = this;
    const isMatch = next !== undefined && (selector === undefined || selector.matches(next.labels, next.fields));
    const wasMatch =
      previous !== undefined && (selector === undefined || selector.matches(previous.labels, previous.fields));
    if (isMatch) return this.#view(wasMatch ? 'MODIFIED' : 'ADDED');
    return wasMatch ? this.#view('DELETED') : undefined;
  }

  #view(type: CacheEventType): CacheEvent {
    const known = this.#views.get(type);
    if (known !== undefined) return known;
    const item = type === 'DELETED' ? (this.previous as StoredObject).at(this.revision) : (this.next as StoredObject);
    const view = new CacheEvent(type, item);
    this.#views.set(type, view);
    return view;
  }
}
