import type { Client } from 'pg';
import { COMPACT_KEY } from '../kine-keys.ts';
import { StorageError } from '../storage-error.ts';
import type { Statements } from './statements.ts';

/**
 * Forgets the revisions behind `from` up to `to` in one transaction.
 *
 * @param range.deletedFrom - Rows of deletions are removed behind it; they may lie below `from` where holes were filled late.
 * @returns how many rows went.
 * @throws StorageError `revision-moved` where somebody else has compacted beyond `from`.
 *
 * Source: kine `pkg/logstructured/sqllog/sql.go` (compact) and its CompactSQL.
 */
export async function compactStep(
  client: Client,
  statements: Statements,
  range: { readonly from: number; readonly to: number; readonly deletedFrom: number },
): Promise<number> {
  await client.query('BEGIN');
  try {
    const { rows } = await client.query<{ revision: number }>(statements.lockCompacted);
    const compacted = Math.max(0, ...rows.map(({ revision }) => revision));
    if (compacted !== range.from) throw new StorageError('revision-moved', COMPACT_KEY, BigInt(compacted));
    const superseded = await client.query(statements.removeSuperseded, [range.from, range.to]);
    const deleted = await client.query(statements.removeDeleted, [range.deletedFrom, range.to]);
    await client.query(statements.setCompacted, [range.to]);
    await client.query('COMMIT');
    return (superseded.rowCount ?? 0) + (deleted.rowCount ?? 0);
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
