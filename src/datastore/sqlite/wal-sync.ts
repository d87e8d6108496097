import { close, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const syncFile = promisify(fdatasync);
const closeFile = promisify(close);

/**
 * Makes commits durable without holding up the event loop: the wait for the disk happens on libuv's threads.
 *
 * With `synchronous=NORMAL` a commit ends with its frames in the write-ahead log, handed to the system but not yet on
 * the disk. Syncing that file is the one step by which `synchronous=FULL` differs, and this is it. SQLite takes its locks on the
 * database and its `-shm` file, so a descriptor of the log may come and go. The log stays one file while a connection
 * is open.
 *
 * Source: https://sqlite.org/pragma.html#pragma_synchronous, https://sqlite.org/walformat.html
 */
export class WalSync {
  readonly #file: number;

  /** The log has to be there: a connection in WAL mode that has written once. */
  constructor(databasePath: string) {
    this.#file = openSync(`${databasePath}-wal`, 'r+');
  }

  /** Resolves once everything that was committed before the call is on the disk. */
  async sync(): Promise<void> {
    await syncFile(this.#file);
  }

  async close(): Promise<void> {
    await closeFile(this.#file);
  }
}
