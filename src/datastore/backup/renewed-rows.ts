import { COMPACT_KEY, HEALTH_KEY, HEALTH_VALUE, isInternal } from '../kine-keys.ts';
import type { Row } from '../kine-rows.ts';

/** How far a restored table jumps ahead: more than any client can have seen since the backup. */
const JUMP = 1_000_000;
/** Source: kine's `compact-min-retain`: it expects the pointer at least so far behind the newest row. */
const RETAINED = 1_000;

/** The id of the newest row of a table that was made from a backup, as long as nobody has written to it. */
export async function newestRenewedId(rows: AsyncIterable<Row>, sequence: number): Promise<number> {
  let last = sequence;
  for await (const { id } of rows) last = Math.max(last, id);
  return last + JUMP;
}

/**
 * The rows of a table that takes a backup's place in a cluster that went on after it: what lived, at its old revisions,
 * and one row far ahead, up to which all is compacted. Clients know revisions that are not in the backup; so they are
 * told that theirs are too old, and read anew, where they would otherwise wait for events that never come.
 *
 * @param read - Reads the rows in the order of their ids, each time from the beginning.
 */
export async function* renewedRows(read: () => AsyncIterable<Row>, sequence: number): AsyncGenerator<Row> {
  const newest = new Map<string, number>();
  let last = sequence;
  for await (const { id, name } of read()) {
    newest.set(name, id);
    last = Math.max(last, id);
  }
  const ahead = last + JUMP;
  let health: Row | undefined;
  for await (const row of read()) {
    if (row.name === COMPACT_KEY) yield { ...row, prev_revision: ahead - RETAINED };
    if (isInternal(row.name) || row.deleted === 1 || newest.get(row.name) !== row.id) continue;
    if (row.name === HEALTH_KEY) health = row;
    // What is compacted may go; a value of the past is of no use to anybody then.
    yield { ...row, old_value: null };
  }
  const value = health?.value ?? Buffer.from(HEALTH_VALUE);
  yield {
    id: ahead,
    name: HEALTH_KEY,
    created: health === undefined ? 1 : 0,
    deleted: 0,
    create_revision: health === undefined ? 0 : health.created === 1 ? health.id : health.create_revision,
    prev_revision: health?.id ?? 0,
    lease: 0,
    value,
    old_value: health === undefined ? null : value,
  };
}
