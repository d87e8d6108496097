import type { KeyValue, LeasedRow, ListOptions, ListResult, Revision } from '../backend.ts';
import { type Row, toKeyValue } from '../kine-rows.ts';
import { type LeasedColumns, toLeasedRow } from '../leased-rows.ts';
import { rangeOf } from '../prefix-range.ts';
import type { Statements } from './statements.ts';

/** Rows that one look for leases takes: a few milliseconds. */
const LEASED_ROWS = 5_000;

/** Living keys with a prefix as of an id. */
export function readPage(statements: Statements, prefix: string, at: number, options: ListOptions): ListResult {
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const items: KeyValue[] = [];
  const { from, end } = rangeOf(prefix, options.startAfter);
  for (const { id } of statements.newestIds.iterate(from, end, at)) {
    const row = statements.byId.get(id as number) as unknown as Row;
    if (row.deleted === 1) continue;
    if (items.length >= limit) return { revision: BigInt(at), items, more: true };
    items.push(toKeyValue(row));
  }
  return { revision: BigInt(at), items, more: false };
}

/** Rows with seconds to live among the next of the log. */
export function readLeased(statements: Statements, after: Revision): { rows: LeasedRow[]; next: Revision | undefined } {
  const end = Number(statements.endOfRun.get(Number(after), LEASED_ROWS)?.['id'] ?? 0);
  if (end === 0) return { rows: [], next: undefined };
  const rows = statements.leased.all(Number(after), end) as unknown as LeasedColumns[];
  return { rows: rows.map(toLeasedRow), next: BigInt(end) };
}
