/**
 * kine's table and indexes, statement for statement, so that a real kine finds what it would have made.
 *
 * Source: k3s-io/kine `pkg/drivers/sqlite/sqlite.go` (schema), v0.16.4.
 */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS kine
(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT,
  created INTEGER,
  deleted INTEGER,
  create_revision INTEGER,
  prev_revision INTEGER,
  lease INTEGER,
  value BLOB,
  old_value BLOB
)`,
  'CREATE INDEX IF NOT EXISTS kine_name_index ON kine (name)',
  'CREATE INDEX IF NOT EXISTS kine_name_id_index ON kine (name,id)',
  'CREATE INDEX IF NOT EXISTS kine_id_deleted_index ON kine (id,deleted)',
  'CREATE INDEX IF NOT EXISTS kine_prev_revision_index ON kine (prev_revision)',
  'CREATE UNIQUE INDEX IF NOT EXISTS kine_name_prev_revision_uindex ON kine (name, prev_revision)',
  `CREATE INDEX IF NOT EXISTS kine_id_compact_rev_key_with_prev_revision_index
ON kine(id, name, prev_revision) WHERE name != 'compact_rev_key' AND prev_revision != 0`,
];
