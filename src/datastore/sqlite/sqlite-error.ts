import { StorageError, type StorageFault } from '../storage-error.ts';

/** SQLite's primary result codes. Source: https://sqlite.org/rescode.html */
const meanings: Record<number, readonly [fault: StorageFault, advice: string]> = {
  5: ['unavailable', 'another process holds the database: stop it, or give this server a data folder of its own'],
  6: ['unavailable', 'another process holds the database: stop it, or give this server a data folder of its own'],
  8: ['unavailable', 'the database cannot be written: check the owner and the mode of the folder and its files'],
  10: ['unavailable', 'the disk failed to read or write: check it and its free space'],
  11: ['corrupt', 'the database is damaged: restore a backup'],
  13: ['unavailable', 'the disk is full: free space on it; nothing was lost, and writes go on when there is room'],
  14: ['unavailable', 'the database cannot be opened: check that the folder exists and can be written'],
  26: ['corrupt', 'the file is not a SQLite database: restore a backup, or move it away to start empty'],
};

/** What an error of SQLite means for whoever keeps the server; other errors pass unchanged. */
export function toStorageError(error: unknown, path: string): unknown {
  const code = primaryCode(error);
  const meaning = code === undefined ? undefined : meanings[code];
  if (meaning === undefined) return error;
  const [fault, advice] = meaning;
  return new StorageError(fault, path, 0n, {
    cause: error,
    message: `${path}: ${(error as Error).message}; ${advice}`,
  });
}

/** Whether another connection holds the lock: trying again may do. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === 5 || code === 6;
}

/** Whether the system failed to bring on the disk what it had taken: what is there is unknown from then on. */
export function isSyncFault(error: unknown): boolean {
  const call = typeof error === 'object' && error !== null ? Reflect.get(error, 'syscall') : undefined;
  return call === 'fsync' || call === 'fdatasync';
}

export function closedError(key: string): StorageError {
  return new StorageError('unavailable', key, 0n, { message: 'the datastore is closed' });
}

function primaryCode(error: unknown): number | undefined {
  const code = typeof error === 'object' && error !== null ? Reflect.get(error, 'errcode') : undefined;
  return typeof code === 'number' ? code & 0xff : undefined;
}
