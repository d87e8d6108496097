import { COMPACT_KEY, GAP_PREFIX } from '../kine-keys.ts';

/** Deletions hold 0 as create_revision; the row that they end still knows it. */
const CREATE_REVISION = `CASE WHEN kv.deleted = 1 AND kv.create_revision = 0
  THEN COALESCE((SELECT CASE WHEN old.created = 1 THEN old.id ELSE old.create_revision END
    FROM kine AS old WHERE old.id = kv.prev_revision), 0)
  ELSE kv.create_revision END AS create_revision`;

const COLUMNS = 'id, name, created, deleted, create_revision, prev_revision, lease, value';

/**
 * What the backend asks. Keys are compared byte by byte: `name` is the column, with a collation where the table is of a
 * kine before v0.13 and has the database's.
 */
export function statementsFor(name: string) {
  // Walks the list index in the order of names, so that a page costs what it holds, not what the prefix holds.
  const newest = `SELECT DISTINCT ON (${name}) ${COLUMNS} FROM kine
    WHERE ${name} >= $1 AND ${name} < $2 AND ${name} > $3 AND id <= $4 ORDER BY ${name}, id DESC`;
  return {
    newest: `SELECT ${COLUMNS}, NULL::bytea AS old_value FROM kine WHERE name = $1 AND id <= $2 ORDER BY id DESC LIMIT 1`,
    list: `SELECT ${COLUMNS}, NULL::bytea AS old_value FROM (${newest}) AS kv WHERE deleted = 0 ORDER BY ${name} LIMIT $5`,
    count: `SELECT COUNT(*) AS count FROM (${newest}) AS kv WHERE deleted = 0`,
    after: `SELECT kv.id, kv.name, kv.created, kv.deleted, ${CREATE_REVISION}, kv.prev_revision, kv.lease, kv.value,
      kv.old_value FROM kine AS kv WHERE kv.id > $1 AND kv.id <= $2 ORDER BY kv.id LIMIT $3`,
    /** Where a run of rows ends. */
    endOfRun: 'SELECT MAX(id) AS id FROM (SELECT id FROM kine WHERE id > $1 ORDER BY id LIMIT $2) AS run',
    leased: 'SELECT id, name, lease FROM kine WHERE id > $1 AND id <= $2 AND deleted = 0 AND lease > 0 ORDER BY id',
    /** Fillers of holes make no event: a reader that waited for one would wait for ever. */
    newestId: `SELECT id FROM kine WHERE left(name, ${GAP_PREFIX.length}) != '${GAP_PREFIX}' ORDER BY id DESC LIMIT 1`,
    maxId: 'SELECT COALESCE(MAX(id), 0) AS id FROM kine',
    compacted: `SELECT COALESCE(MAX(prev_revision), 0) AS revision FROM kine WHERE name = '${COMPACT_KEY}'`,
    lockCompacted: `SELECT prev_revision AS revision FROM kine WHERE name = '${COMPACT_KEY}' FOR UPDATE`,
    setCompacted: `UPDATE kine SET prev_revision = $1 WHERE name = '${COMPACT_KEY}'`,
    removeSuperseded: `DELETE FROM kine WHERE id IN (
      SELECT kp.prev_revision FROM kine AS kp
      WHERE kp.name != '${COMPACT_KEY}' AND kp.prev_revision != 0 AND kp.id > $1 AND kp.id <= $2)`,
    removeDeleted: 'DELETE FROM kine WHERE deleted != 0 AND id > $1 AND id <= $2',
    /** Waits for whoever is about to commit one of these ids, and leaves that row alone. */
    fill: `INSERT INTO kine (id, name, created, deleted, create_revision, prev_revision, lease)
      SELECT hole, '${GAP_PREFIX}' || hole, 0, 1, 0, 0, 0 FROM generate_series($1::int8, $2::int8) AS hole
      ON CONFLICT DO NOTHING`,
    /** Which of these rows are there, to learn whether a commit whose answer was lost came through. */
    present:
      'SELECT id FROM kine WHERE id = $1 AND name = $2 AND deleted = $3 AND value IS NOT DISTINCT FROM $4::bytea',
    append: APPEND,
    size: "SELECT pg_total_relation_size('kine') AS size",
  } as const;
}

export type Statements = ReturnType<typeof statementsFor>;

/**
 * A group of writes in one statement: each is judged by the newest row of its key, and those that stand are inserted in
 * order. One write of a key at most, since a statement does not see its own rows. Refused ones take no id. All values
 * come in one piece, because an array of bytes would travel as text.
 *
 * Kinds: 0 create, 1 update, 2 delete.
 */
const APPEND = `WITH input AS (
  SELECT kind, key, expected, lease, place,
    CASE WHEN kind = 2 THEN NULL ELSE substr($7::bytea, start + 1, length) END AS value
  FROM unnest($1::int4[], $2::text[], $3::int8[], $4::int4[], $5::int4[], $6::int4[])
    WITH ORDINALITY AS t(kind, key, expected, lease, start, length, place)
), judged AS (
  SELECT i.*, n.id AS newest_id, n.deleted AS newest_deleted, n.value AS newest_value,
    CASE WHEN n.created = 1 THEN n.id ELSE n.create_revision END AS begin,
    CASE WHEN i.kind = 0 THEN n.id IS NULL OR n.deleted = 1
      ELSE n.id IS NOT NULL AND n.deleted = 0 AND n.id = i.expected END AS stands
  FROM input AS i LEFT JOIN LATERAL (
    SELECT id, created, deleted, create_revision, value FROM kine WHERE name = i.key ORDER BY id DESC LIMIT 1
  ) AS n ON TRUE
), written AS (
  INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value)
  SELECT key, CASE WHEN kind = 0 THEN 1 ELSE 0 END, CASE WHEN kind = 2 THEN 1 ELSE 0 END,
    CASE WHEN kind = 1 THEN begin ELSE 0 END, COALESCE(newest_id, 0), lease, value,
    CASE WHEN kind = 0 THEN NULL ELSE newest_value END
  FROM judged WHERE stands ORDER BY place
  RETURNING id, name
)
SELECT w.id, j.newest_id, j.newest_deleted, j.begin,
  CASE WHEN w.id IS NOT NULL AND j.kind != 0 THEN j.newest_value END AS old_value
FROM judged AS j LEFT JOIN written AS w ON w.name = j.key ORDER BY j.place`;
