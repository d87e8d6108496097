import type { DatabaseSync } from 'node:sqlite';
import { COMPACT_KEY } from '../kine-keys.ts';
import { StorageError } from '../storage-error.ts';
import { rollBack } from './open-database.ts';
import type { Statements } from './statements.ts';

/** How far the table is compacted; 0 before the first time. */
export function compactedRevision(statements: Statements): number {
  return Number(statements.compacted.get()?.['revision'] ?? 0);
}

/**
 * Forgets the revisions behind `from` up to `to` in one transaction.
 *
 * @returns how many rows went.
 * @throws StorageError `revision-moved` where somebody else has compacted beyond `from`.
 *
 * Source: kine `pkg/logstructured/sqllog/sql.go` (compact) and its CompactSQL.
 */
export function compactStep(
  db: DatabaseSync,
  statements: Statements,
  range: { readonly from: number; readonly to: number },
): number {
  db.exec('BEGIN IMMEDIATE');
  try {
    const compacted = compactedRevision(statements);
    if (compacted !== range.from) throw new StorageError('revision-moved', COMPACT_KEY, BigInt(compacted));
    const superseded = statements.removeSuperseded.run(range.from, range.to).changes;
    const deleted = statements.removeDeleted.run(range.from, range.to).changes;
    statements.setCompacted.run(range.to);
    db.exec('COMMIT');
    return Number(superseded) + Number(deleted);
  } catch (error) {
    rollBack(db);
    throw error;
  }
}

/** Ids that one step of {@link sweepStep} looks at: a few milliseconds. */
const SWEEP_IDS = 20_000;

/**
 * Removes deletions and fillers of holes among ids that were compacted long ago: a kine may have left some behind.
 * @returns where the next step begins.
 */
export function sweepStep(statements: Statements, range: { readonly from: number; readonly to: number }): number {
  const to = Math.min(range.from + SWEEP_IDS, range.to);
  statements.removeDeleted.run(range.from, to);
  return to;
}
