import type { LogEvent, Revision } from '../backend.ts';
import { type Row, toKeyValue } from '../kine-rows.ts';
import { StorageError } from '../storage-error.ts';
import type { Statements } from './statements.ts';

export interface Write {
  readonly kind: 'create' | 'update' | 'delete';
  readonly key: string;
  readonly value: Uint8Array | null;
  /** The revision that the writer knows; not looked at for a creation. */
  readonly expected: Revision;
  readonly leaseSeconds: number;
}

/**
 * Appends the row of a write, as kine would, and its event. To be called in a transaction that holds the write lock, so
 * that the newest row stays the newest.
 *
 * @returns the new revision, or why the write is refused; nothing is written then.
 *
 * Source: kine `pkg/logstructured/logstructured.go` (Create, Update, Delete).
 */
export function append(statements: Statements, write: Write, events: LogEvent[]): Revision | StorageError {
  const { kind, key, value, leaseSeconds } = write;
  const newest = statements.newest.get(key, Number.MAX_SAFE_INTEGER) as Row | undefined;
  const living = newest !== undefined && newest.deleted !== 1;
  const expected = Number(write.expected);
  if (kind === 'create' && living) return new StorageError('key-exists', key, BigInt(newest.id));
  if (kind !== 'create' && !living) return new StorageError('key-missing', key, BigInt(newest?.id ?? 0));
  if (kind !== 'create' && newest !== undefined && newest.id !== expected) {
    return new StorageError('revision-moved', key, BigInt(newest.id));
  }
  const previousId = newest?.id ?? 0;
  const begin = kind === 'create' || newest === undefined ? 0n : toKeyValue(newest).createRevision;
  const oldValue = kind === 'create' ? null : (newest?.value ?? null);
  const { lastInsertRowid } = statements.insert.run(
    key,
    kind === 'create' ? 1 : 0,
    kind === 'delete' ? 1 : 0,
    // kine leaves it out of creations and deletions.
    kind === 'update' ? Number(begin) : 0,
    previousId,
    leaseSeconds,
    value,
    oldValue,
  );
  const revision = BigInt(lastInsertRowid);
  events.push({
    kind,
    key,
    revision,
    createRevision: kind === 'create' ? revision : begin,
    leaseSeconds,
    value: value === null ? Buffer.alloc(0) : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    previousValue:
      oldValue === null ? undefined : Buffer.from(oldValue.buffer, oldValue.byteOffset, oldValue.byteLength),
  });
  return revision;
}
