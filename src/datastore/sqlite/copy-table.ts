import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TableSnapshot } from '../backup/backup.ts';
import { BackupError } from '../backup/backup-file.ts';
import type { Row } from '../kine-rows.ts';
import { allowShrinking } from './free-pages.ts';
import { SCHEMA } from './schema.ts';
import { toStorageError } from './sqlite-error.ts';

const COLUMNS = 'id, name, created, deleted, create_revision, prev_revision, lease, value, old_value';
/** Rows in one transaction. */
const BATCH_ROWS = 1_000;

/** A view of the file that stays as it is while a server goes on writing. @throws StorageError */
export function openSqliteSnapshot(path: string): TableSnapshot {
  if (!existsSync(path)) throw new BackupError(`${path} is not there: name the data folder of a tenant`);
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    db.exec('BEGIN');
    const sequence = Number(
      db.prepare("SELECT MAX(seq) AS seq FROM sqlite_sequence WHERE name = 'kine'").get()?.['seq'] ?? 0,
    );
    return {
      sequence,
      rows: () => readRows(db, path),
      async [Symbol.asyncDispose]() {
        db.close();
      },
    };
  } catch (error) {
    throw toStorageError(error, path);
  }
}

function* readRows(db: DatabaseSync, path: string): Generator<Row> {
  try {
    for (const row of db.prepare(`SELECT ${COLUMNS} FROM kine ORDER BY id`).iterate()) yield row as unknown as Row;
  } catch (error) {
    throw toStorageError(error, path);
  }
}

/** Makes the file from rows; it appears under its name only when it is whole. @returns how many rows there were. */
export async function fillSqlite(
  path: string,
  content: { rows: AsyncIterable<Row>; sequence: number },
): Promise<number> {
  if (existsSync(path))
    throw new BackupError(`${path} is there already: move it away first, a restore never overwrites a database`);
  const unfinished = `${path}.unfinished`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(unfinished, { force: true });
    const db = new DatabaseSync(unfinished);
    try {
      allowShrinking(db);
      db.exec(SCHEMA.join(';'));
      const count = await insertAll(db, content.rows);
      db.prepare("UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = 'kine'").run(content.sequence);
      db.exec('PRAGMA journal_mode=WAL; PRAGMA wal_checkpoint(TRUNCATE)');
      db.close();
      renameSync(unfinished, path);
      return count;
    } finally {
      if (db.isOpen) db.close();
    }
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw toStorageError(error, path);
  }
}

async function insertAll(db: DatabaseSync, rows: AsyncIterable<Row>): Promise<number> {
  const insert = db.prepare(`INSERT INTO kine (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  let count = 0;
  db.exec('BEGIN');
  for await (const { id, name, created, deleted, create_revision, prev_revision, lease, value, old_value } of rows) {
    insert.run(id, name, created, deleted, create_revision, prev_revision, lease, value, old_value);
    if (++count % BATCH_ROWS === 0) db.exec('COMMIT; BEGIN');
  }
  db.exec('COMMIT');
  return count;
}
