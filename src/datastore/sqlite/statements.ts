import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { COMPACT_KEY, GAP_PREFIX } from '../kine-keys.ts';

const COLUMNS = 'id, name, created, deleted, create_revision, prev_revision, lease, value, old_value';

/** Deletions hold 0 as create_revision; the row that they end still knows it. */
const CREATE_REVISION = `CASE WHEN kv.deleted = 1 AND kv.create_revision = 0
  THEN COALESCE((SELECT CASE WHEN old.created = 1 THEN old.id ELSE old.create_revision END
    FROM kine AS old WHERE old.id = kv.prev_revision), 0)
  ELSE kv.create_revision END AS create_revision`;

const SQL = {
  newest: `SELECT ${COLUMNS} FROM kine WHERE name = ? AND id <= ? ORDER BY id DESC LIMIT 1`,
  /** Walks the index in the order of names, so that a page costs what it holds, not what the prefix holds. */
  newestIds: 'SELECT MAX(id) AS id FROM kine WHERE name >= ? AND name < ? AND id <= ? GROUP BY name ORDER BY name',
  byId: `SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, NULL AS old_value
    FROM kine WHERE id = ?`,
  count: `SELECT COUNT(*) AS count
    FROM (SELECT MAX(id) AS id FROM kine WHERE name >= ? AND name < ? AND id <= ? GROUP BY name) AS newest
    JOIN kine AS kv ON kv.id = newest.id WHERE kv.deleted = 0`,
  after: `SELECT kv.id, kv.name, kv.created, kv.deleted, ${CREATE_REVISION}, kv.prev_revision, kv.lease, kv.value,
    kv.old_value FROM kine AS kv WHERE kv.id > ? AND kv.id <= ? ORDER BY kv.id`,
  /** Where a run of rows ends. */
  endOfRun: 'SELECT MAX(id) AS id FROM (SELECT id FROM kine WHERE id > ? ORDER BY id LIMIT ?)',
  leased: 'SELECT id, name, lease FROM kine WHERE id > ? AND id <= ? AND deleted = 0 AND lease > 0 ORDER BY id',
  /** Fillers of holes make no event: a reader that waited for one would wait for ever. */
  maxId: `SELECT id FROM kine WHERE substr(name, 1, ${GAP_PREFIX.length}) != '${GAP_PREFIX}' ORDER BY id DESC LIMIT 1`,
  insert: `INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  compacted: `SELECT MAX(prev_revision) AS revision FROM kine WHERE name = '${COMPACT_KEY}'`,
  setCompacted: `UPDATE kine SET prev_revision = ? WHERE name = '${COMPACT_KEY}'`,
  removeSuperseded: `DELETE FROM kine WHERE id IN (
    SELECT kp.prev_revision FROM kine AS kp
    WHERE kp.name != '${COMPACT_KEY}' AND kp.prev_revision != 0 AND kp.id > ? AND kp.id <= ?)`,
  removeDeleted: 'DELETE FROM kine WHERE deleted != 0 AND id > ? AND id <= ?',
} as const;

export type Statements = Record<keyof typeof SQL, StatementSync>;

/** Prepares everything that the backend asks; the table has to be there. */
export function prepareStatements(db: DatabaseSync): Statements {
  const prepared = Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]);
  return Object.fromEntries(prepared) as Statements;
}
