/** A point in the log of changes; grows by one with each write. `resourceVersion` is its text on the wire. */
export type Revision = bigint;

export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** Seconds to live, 0 for ever. Counted from when a server first sees the row. */
  readonly leaseSeconds: number;
}

/** One row of the log. */
export interface LogEvent {
  readonly kind: 'create' | 'update' | 'delete';
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** The value after a create or update; empty for a delete. */
  readonly value: Buffer;
  /** The value before; undefined for a create. */
  readonly previousValue: Buffer | undefined;
  /** As in {@link KeyValue}. */
  readonly leaseSeconds: number;
}

export interface ListOptions {
  /** Read the state at this revision. Default: the newest. */
  readonly revision?: Revision | undefined;
  /** Start behind this key (exclusive), which need not exist. */
  readonly startAfter?: string | undefined;
  /** At most so many items. Default: all. */
  readonly limit?: number | undefined;
}

/** A row of the log whose key goes when its seconds are over. */
export interface LeasedRow {
  readonly key: string;
  readonly revision: Revision;
  readonly leaseSeconds: number;
}

export interface ListResult {
  /** The revision whose state this is. */
  readonly revision: Revision;
  readonly items: readonly KeyValue[];
  /** Whether more keys follow. */
  readonly more: boolean;
}

export interface Subscription {
  close(): void;
}

export interface Subscriber {
  /** Events in order, without a hole or a repetition; called right after they are durable. */
  events(events: readonly LogEvent[]): void;
  /** The subscription ended by a fault; no further call follows. */
  failed(error: unknown): void;
}

export interface WriteOptions {
  readonly leaseSeconds?: number | undefined;
}

/**
 * A key-value store in which every write gets a revision and the past can be read back until it is compacted.
 * An acknowledged write (its promise resolved) survives the loss of the process and of power.
 * It knows keys and bytes, not kinds.
 */
export interface Backend extends AsyncDisposable {
  /**
   * Writes a key that does not live.
   * @throws StorageError `key-exists`
   */
  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<Revision>;
  /**
   * Replaces the value that was written at `expected`.
   * @throws StorageError `key-missing` where the key does not live, `revision-moved` where it was written since.
   */
  update(key: string, value: Uint8Array, expected: Revision, options?: WriteOptions): Promise<Revision>;
  /**
   * Deletes the value that was written at `expected`.
   * @returns the revision of the deletion.
   * @throws StorageError `key-missing`, `revision-moved`
   */
  delete(key: string, expected: Revision): Promise<Revision>;
  /** The living value of a key, or undefined. @throws StorageError `compacted`, `future` */
  get(key: string, revision?: Revision): Promise<KeyValue | undefined>;
  /**
   * Whether the value of a key would be stored in another form today, as with another key of encryption: writing the same
   * value again is worth it then. Left out where there is one form.
   */
  isStale?(key: string): Promise<boolean>;
  /** Living keys with the prefix, in byte order. @throws StorageError `compacted`, `future` */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  /**
   * Looks through some thousand rows behind a revision, oldest first, for those with seconds to live. They need not be the
   * newest of their keys.
   * @returns where to go on; undefined at the end.
   */
  leased(after: Revision): Promise<{ readonly rows: readonly LeasedRow[]; readonly next: Revision | undefined }>;
  /** How many keys with the prefix live; with `startAfter`, those behind it. */
  count(
    prefix: string,
    options?: { revision?: Revision | undefined; startAfter?: string | undefined },
  ): Promise<number>;
  /** The newest durable revision. */
  currentRevision(): Promise<Revision>;
  /** Everything up to it is forgotten except what still lives; 0n before the first compaction. */
  compactedRevision(): Promise<Revision>;
  /**
   * Follows the whole log: every event with a revision above `after`, past ones first, then live ones.
   * @throws StorageError `compacted` where `after` lies before the compacted revision.
   */
  subscribe(after: Revision, subscriber: Subscriber): Promise<Subscription>;
  /**
   * Forgets every revision up to `target`, except the newest one of each living key.
   * Works in batches, each its own transaction: a crash between two loses nothing.
   *
   * @param target - Last revision to forget (inclusive). Held back so that the newest 1,000 stay.
   * @param options.batchRows - Revisions in one transaction. Default 1,000, and 200 in a file that requests share a thread with.
   * @returns The revision reached and the rows removed (0n where nothing was due).
   * @throws StorageError `revision-moved` where another server compacted first; safe to ignore.
   *
   * Source: contract etcd v3 `Compact`; batching kine `pkg/logstructured/sqllog/sql.go`.
   */
  compact(
    target: Revision,
    options?: { batchRows?: number; keepRevisions?: number; signal?: AbortSignal },
  ): Promise<{ readonly revision: Revision; readonly rowsRemoved: bigint }>;
  /** Bytes that the store takes. */
  sizeBytes(): Promise<number>;
  /** Finishes what was accepted, then closes. */
  close(): Promise<void>;
}
