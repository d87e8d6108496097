import type { Client } from 'pg';
import type { TableSnapshot } from '../backup/backup.ts';
import { BackupError } from '../backup/backup-file.ts';
import type { Row } from '../kine-rows.ts';
import { connect, whereOf } from './connect.ts';
import { ensureDatabase, openTable } from './open-schema.ts';
import { toStorageError } from './postgres-error.ts';
import type { PostgresSettings } from './settings.ts';

const COLUMNS = 'id, name, created, deleted, create_revision, prev_revision, lease, value, old_value';
/** Rows that one statement reads or writes. */
const BATCH_ROWS = 200;

/** A view of the table that stays as it is while servers go on writing. @throws StorageError */
export async function openPostgresSnapshot(settings: PostgresSettings): Promise<TableSnapshot> {
  const client = await connect(settings);
  try {
    // It waits for the disk of the backup in between.
    await client.query('SET idle_in_transaction_session_timeout = 0');
    const { rows: found } = await client.query("SELECT to_regclass('kine') IS NOT NULL AS found");
    if (found[0]?.found !== true) throw new BackupError(`${whereOf(settings)} holds no table of a tenant`);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await client.query(
      'SELECT GREATEST((SELECT last_value FROM kine_id_seq), MAX(id)) AS seq FROM kine',
    );
    return {
      sequence: rows[0]?.seq ?? 0,
      rows: () => readRows(client, whereOf(settings)),
      [Symbol.asyncDispose]: () => client.end().catch(() => {}),
    };
  } catch (error) {
    await client.end().catch(() => {});
    throw toStorageError(error, whereOf(settings));
  }
}

async function* readRows(client: Client, where: string): AsyncGenerator<Row> {
  const text = `SELECT ${COLUMNS} FROM kine WHERE id > $1 ORDER BY id LIMIT ${BATCH_ROWS}`;
  try {
    for (let after = 0; ; ) {
      const { rows } = await client.query<Row>({ text, name: 'kine-copy', values: [after] });
      yield* rows;
      if (rows.length < BATCH_ROWS) return;
      after = rows.at(-1)?.id ?? after;
    }
  } catch (error) {
    throw toStorageError(error, where);
  }
}

/** Makes the table from rows in one transaction; one that holds a tenant is left alone. @returns how many there were. */
export async function fillPostgres(
  settings: PostgresSettings,
  content: { rows: AsyncIterable<Row>; sequence: number },
): Promise<number> {
  await ensureDatabase(settings);
  const client = await connect(settings);
  try {
    await client.query('SET idle_in_transaction_session_timeout = 0');
    const { lockSql } = await openTable(client, settings);
    await client.query(`BEGIN; ${lockSql}`);
    // What opening makes are two rows of its own.
    const { rows: present } = await client.query(
      "SELECT COUNT(*) AS count FROM kine WHERE name NOT IN ('compact_rev_key', '/registry/health')",
    );
    if (present[0]?.count > 0)
      throw new BackupError(
        `${whereOf(settings)} holds a tenant already: name an empty database, a restore never overwrites one`,
      );
    await client.query('DELETE FROM kine');
    let count = 0;
    let batch: Row[] = [];
    for await (const row of content.rows) {
      batch.push(row);
      count++;
      if (batch.length === BATCH_ROWS) {
        await insert(client, batch);
        batch = [];
      }
    }
    await insert(client, batch);
    await client.query("SELECT setval('kine_id_seq', GREATEST($1::int8, (SELECT MAX(id) FROM kine)))", [
      content.sequence,
    ]);
    await client.query('COMMIT');
    return count;
  } catch (error) {
    throw toStorageError(error, whereOf(settings));
  } finally {
    await client.end().catch(() => {});
  }
}

async function insert(client: Client, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  const cells = rows.flatMap((row) => [
    row.id,
    row.name,
    row.created,
    row.deleted,
    row.create_revision,
    row.prev_revision,
    row.lease,
    row.value,
    row.old_value,
  ]);
  const places = rows.map(
    (_, index) => `(${Array.from({ length: 9 }, (_, cell) => `$${index * 9 + cell + 1}`).join(', ')})`,
  );
  await client.query(`INSERT INTO kine (${COLUMNS}) VALUES ${places.join(', ')}`, cells);
}
