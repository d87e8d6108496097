import type {
  Backend,
  KeyValue,
  LeasedRow,
  ListOptions,
  ListResult,
  LogEvent,
  Revision,
  Subscriber,
  Subscription,
  WriteOptions,
} from '../backend.ts';
import { StorageError } from '../storage-error.ts';
import { Subscribers } from '../subscribers.ts';

type Entry = LogEvent;

/** A backend that forgets everything with the process: for tests, and for clusters that live as long as one. */
export async function openMemoryBackend(): Promise<Backend> {
  return new MemoryBackend();
}

class MemoryBackend implements Backend {
  /** The log; entry `n` has revision `first + n`. Compaction leaves holes. */
  readonly #log: (Entry | undefined)[] = [];
  /** Revisions of each key, oldest first. */
  readonly #history = new Map<string, number[]>();
  readonly #subscribers = new Subscribers();
  #compacted = 0;
  #closed = false;

  async create(key: string, value: Uint8Array, options: WriteOptions = {}): Promise<Revision> {
    const newest = this.#newest(key);
    if (newest !== undefined && newest.kind !== 'delete') throw new StorageError('key-exists', key, newest.revision);
    return this.#append('create', key, value, options.leaseSeconds ?? 0);
  }

  async update(key: string, value: Uint8Array, expected: Revision, options: WriteOptions = {}): Promise<Revision> {
    this.#check(key, expected);
    return this.#append('update', key, value, options.leaseSeconds ?? 0);
  }

  async delete(key: string, expected: Revision): Promise<Revision> {
    this.#check(key, expected);
    return this.#append('delete', key, Buffer.alloc(0), 0);
  }

  async get(key: string, revision?: Revision): Promise<KeyValue | undefined> {
    return this.#stateAt(key, this.#readable(revision, key));
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const at = this.#readable(options.revision, prefix);
    const items = this.#living(prefix, at, options.startAfter);
    const more = options.limit !== undefined && items.length > options.limit;
    return { revision: BigInt(at), items: more ? items.slice(0, options.limit) : items, more };
  }

  async count(
    prefix: string,
    options: { revision?: Revision | undefined; startAfter?: string | undefined } = {},
  ): Promise<number> {
    return this.#living(prefix, this.#readable(options.revision, prefix), options.startAfter).length;
  }

  async leased(after: Revision): Promise<{ rows: LeasedRow[]; next: Revision | undefined }> {
    const rows = this.#log
      .slice(Number(after))
      .filter((entry): entry is Entry => entry !== undefined && entry.kind !== 'delete' && entry.leaseSeconds > 0);
    return { rows, next: undefined };
  }

  async currentRevision(): Promise<Revision> {
    return BigInt(this.#log.length);
  }

  async compactedRevision(): Promise<Revision> {
    return BigInt(this.#compacted);
  }

  async subscribe(after: Revision, subscriber: Subscriber): Promise<Subscription> {
    if (after < BigInt(this.#compacted)) throw new StorageError('compacted', '', BigInt(this.#compacted));
    const past = this.#log.slice(Number(after)).filter((entry) => entry !== undefined);
    const subscription = this.#subscribers.add(subscriber);
    if (past.length > 0) subscriber.events(past);
    return subscription;
  }

  async compact(
    target: Revision,
    options: { keepRevisions?: number } = {},
  ): Promise<{ revision: Revision; rowsRemoved: bigint }> {
    const goal = Math.min(Number(target), this.#log.length - (options.keepRevisions ?? 1000));
    let removed = 0n;
    for (const [key, revisions] of this.#history) {
      const past = revisions.filter((revision) => revision <= goal);
      const kept = past.at(-1);
      for (const revision of past) {
        const last = revision === kept && this.#log[revision - 1]?.kind !== 'delete';
        if (last) continue;
        this.#log[revision - 1] = undefined;
        revisions.splice(revisions.indexOf(revision), 1);
        removed++;
      }
      if (revisions.length === 0) this.#history.delete(key);
    }
    this.#compacted = Math.max(goal, this.#compacted);
    return { revision: BigInt(this.#compacted), rowsRemoved: removed };
  }

  async sizeBytes(): Promise<number> {
    return this.#log.reduce((sum, entry) => sum + (entry?.value.length ?? 0), 0);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #append(kind: Entry['kind'], key: string, value: Uint8Array, leaseSeconds: number): Revision {
    if (this.#closed) throw new StorageError('unavailable', key, 0n, { message: 'the datastore is closed' });
    const revision = BigInt(this.#log.length + 1);
    const before = this.#newest(key);
    const createRevision = kind === 'create' ? revision : (before?.createRevision ?? revision);
    const previousValue = kind === 'create' ? undefined : before?.value;
    const entry: Entry = {
      kind,
      key,
      revision,
      createRevision,
      value: Buffer.from(value),
      previousValue,
      leaseSeconds,
    };
    this.#log.push(entry);
    const history = this.#history.get(key);
    if (history === undefined) this.#history.set(key, [Number(revision)]);
    else history.push(Number(revision));
    this.#subscribers.deliver([entry]);
    return revision;
  }

  #check(key: string, expected: Revision): void {
    const newest = this.#newest(key);
    if (newest === undefined || newest.kind === 'delete')
      throw new StorageError('key-missing', key, newest?.revision ?? 0n);
    if (newest.revision !== expected) throw new StorageError('revision-moved', key, newest.revision);
  }

  #newest(key: string): Entry | undefined {
    const last = this.#history.get(key)?.at(-1);
    return last === undefined ? undefined : this.#log[last - 1];
  }

  #stateAt(key: string, at: number): KeyValue | undefined {
    const revision = this.#history.get(key)?.findLast((candidate) => candidate <= at);
    const entry = revision === undefined ? undefined : this.#log[revision - 1];
    if (entry === undefined || entry.kind === 'delete') return undefined;
    const { createRevision, leaseSeconds, value } = entry;
    return { key, value, createRevision, modRevision: entry.revision, leaseSeconds };
  }

  #living(prefix: string, at: number, startAfter = ''): KeyValue[] {
    const keys = [...this.#history.keys()].filter((key) => key.startsWith(prefix) && key > startAfter).sort();
    return keys.map((key) => this.#stateAt(key, at)).filter((item) => item !== undefined);
  }

  #readable(revision: Revision | undefined, key: string): number {
    if (revision === undefined) return this.#log.length;
    if (revision > BigInt(this.#log.length)) throw new StorageError('future', key, BigInt(this.#log.length));
    if (revision < BigInt(this.#compacted)) throw new StorageError('compacted', key, BigInt(this.#compacted));
    return Number(revision);
  }
}
