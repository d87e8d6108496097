/**
 * kine's table and indexes, statement for statement, so that a real kine finds what it would have made.
 *
 * Source: k3s-io/kine `pkg/drivers/pgsql/pgsql.go` (schema), v0.16.4.
 */
export const TABLE = `CREATE TABLE IF NOT EXISTS kine
(
  id BIGSERIAL PRIMARY KEY,
  name text COLLATE "C",
  created INTEGER,
  deleted INTEGER,
  create_revision BIGINT,
  prev_revision BIGINT,
  lease INTEGER,
  value bytea,
  old_value bytea
)`;

/** Each index with the statement that makes it. */
export const INDEXES: Readonly<Record<string, string>> = {
  kine_name_index: 'CREATE INDEX IF NOT EXISTS kine_name_index ON kine (name)',
  kine_name_id_index: 'CREATE INDEX IF NOT EXISTS kine_name_id_index ON kine (name,id)',
  kine_id_deleted_index: 'CREATE INDEX IF NOT EXISTS kine_id_deleted_index ON kine (id,deleted)',
  kine_prev_revision_index: 'CREATE INDEX IF NOT EXISTS kine_prev_revision_index ON kine (prev_revision)',
  kine_name_prev_revision_uindex:
    'CREATE UNIQUE INDEX IF NOT EXISTS kine_name_prev_revision_uindex ON kine (name, prev_revision)',
  kine_list_query_index: 'CREATE INDEX IF NOT EXISTS kine_list_query_index on kine(name, id DESC, deleted)',
};
