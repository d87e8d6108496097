import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StorageError, type StorageFault } from '../storage-error.ts';
import { isBusy, toStorageError } from './sqlite-error.ts';

/** An error as `node:sqlite` throws it; the code may be an extended one. */
const sqliteError = (errcode: number, message: string): Error => Object.assign(new Error(message), { errcode });

const cases: Record<string, [errcode: number, fault: StorageFault, advice: RegExp]> = {
  'a locked file': [5, 'unavailable', /another process holds the database: stop it/],
  'a file that may not be written': [8 | (1 << 8), 'unavailable', /check the owner and the mode/],
  'a disk that fails': [10 | (4 << 8), 'unavailable', /the disk failed/],
  'a damaged file': [11, 'corrupt', /restore a backup/],
  'a full disk': [13, 'unavailable', /the disk is full: free space/],
  'a folder that cannot be used': [14, 'unavailable', /check that the folder exists/],
  'a file of something else': [26, 'corrupt', /is not a SQLite database/],
};

describe("SQLite's errors", () => {
  for (const [title, [errcode, fault, advice]] of Object.entries(cases)) {
    it(`say what to do about ${title}`, () => {
      const error = toStorageError(sqliteError(errcode, 'sqlite says so'), '/data/state.db');
      assert.ok(error instanceof StorageError);
      assert.equal(error.fault, fault);
      assert.match(error.message, /^\/data\/state\.db: sqlite says so; /);
      assert.match(error.message, advice);
    });
  }

  it('pass unchanged where they mean a mistake of ours', () => {
    const error = sqliteError(19, 'UNIQUE constraint failed');
    assert.equal(toStorageError(error, '/data/state.db'), error);
    assert.equal(isBusy(error), false);
  });
});
