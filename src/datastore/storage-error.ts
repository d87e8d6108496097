import type { Revision } from './backend.ts';

/**
 * - `compacted`: the revision is forgotten; `future`: it has not been written yet.
 * - `unavailable`: nothing was written, a retry may help (full disk, lost connection); `corrupt`: it will not.
 */
export type StorageFault =
  | 'key-missing'
  | 'key-exists'
  | 'revision-moved'
  | 'compacted'
  | 'future'
  | 'unavailable'
  | 'corrupt';

/** What the datastore throws. It knows keys and revisions, not kinds, HTTP codes or users. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly fault: StorageFault;
  readonly key: string;
  readonly revision: Revision;

  constructor(fault: StorageFault, key: string, revision: Revision, options?: ErrorOptions & { message?: string }) {
    super(options?.message ?? `${fault}: ${key} at revision ${revision}`, options);
    this.fault = fault;
    this.key = key;
    this.revision = revision;
  }
}
