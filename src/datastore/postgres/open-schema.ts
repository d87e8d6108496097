import { type Client, escapeIdentifier } from 'pg';
import { COMPACT_KEY, HEALTH_KEY, HEALTH_VALUE } from '../kine-keys.ts';
import { connect } from './connect.ts';
import { codeOf } from './postgres-error.ts';
import { INDEXES, TABLE } from './schema.ts';
import type { PostgresSettings } from './settings.ts';

/** The first half of the key of our advisory locks: "kine" as a number. The second half tells schemas apart. */
const LOCK_CLASS = 0x6b696e65;

/** What is known of an opened table. */
export interface OpenedTable {
  /** SQL that takes the lock of all writers for the length of a transaction. */
  readonly lockSql: string;
  /** The channel on which writers wake the others. */
  readonly channel: string;
  /** The column `name`, so that it is compared byte by byte. */
  readonly nameColumn: string;
}

/** Makes the database where it is missing, as kine does. */
export async function ensureDatabase(settings: PostgresSettings): Promise<void> {
  try {
    await (await connect(settings)).end();
  } catch (error) {
    // SQLSTATE invalid_catalog_name: there is no such database.
    if (codeOf((error as Error).cause) !== '3D000') throw error;
    const client = await connect(settings, { database: 'postgres' });
    try {
      await client.query(`CREATE DATABASE ${escapeIdentifier(settings.database)}`);
    } catch (cause) {
      // Another server was quicker.
      if (!['42P04', '23505'].includes(codeOf(cause))) throw error;
    } finally {
      await client.end().catch(() => {});
    }
  }
}

/**
 * Makes schema, table, indexes and the first rows where they are missing, under the lock of all writers: two rows of the
 * compaction's key would stop a kine. What is there is left alone, so that a user without the right to make tables can
 * work on one that was made for it.
 */
export async function openTable(client: Client, { schema }: PostgresSettings): Promise<OpenedTable> {
  if (schema !== undefined && !(await exists(client, 'to_regnamespace($1)', escapeIdentifier(schema)))) {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${escapeIdentifier(schema)}`);
  }
  const { rows: places } = await client.query("SELECT hashtext(COALESCE(current_schema(), '')) AS place");
  const lockSql = `SELECT pg_advisory_xact_lock(${LOCK_CLASS}, ${places[0]?.place})`;
  const channel = `kine_${Number(places[0]?.place) >>> 0}`;
  await client.query(`BEGIN; ${lockSql}`);
  try {
    if (!(await exists(client, 'to_regclass($1)', 'kine'))) await client.query(TABLE);
    const { rows: present } = await client.query(
      "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'kine'::regclass",
    );
    const names = new Set(present.map(({ name }) => String(name).replace(/^.*\./, '')));
    for (const [name, sql] of Object.entries(INDEXES)) if (!names.has(name)) await client.query(sql);
    await seed(client);
    const nameColumn = (await hasByteOrder(client)) ? 'name' : 'name COLLATE "C"';
    await client.query('COMMIT');
    return { lockSql, channel, nameColumn };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

async function exists(client: Client, expression: string, name: string): Promise<boolean> {
  const { rows } = await client.query(`SELECT ${expression} IS NOT NULL AS found`, [name]);
  return rows[0]?.found === true;
}

/** The rows that kine makes in a new table, in its order. */
async function seed(client: Client): Promise<void> {
  const insert = `INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)
    SELECT $1::text, 1, 0, 0, 0, 0, $2::bytea WHERE NOT EXISTS (SELECT FROM kine WHERE name = $1)`;
  await client.query(insert, [COMPACT_KEY, Buffer.alloc(0)]);
  await client.query(insert, [HEALTH_KEY, Buffer.from(HEALTH_VALUE)]);
}

/** Tables of a kine before v0.13 sort by the database's language, in which ranges of keys mean something else. */
async function hasByteOrder(client: Client): Promise<boolean> {
  const { rows } = await client.query(`SELECT c.collname AS name FROM pg_attribute AS a
    JOIN pg_collation AS c ON c.oid = a.attcollation
    WHERE a.attrelid = 'kine'::regclass AND a.attname = 'name'`);
  return ['C', 'POSIX', 'ucs_basic'].includes(rows[0]?.name);
}
