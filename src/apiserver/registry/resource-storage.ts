import type { AnyObject, ObjectKey } from '../../machinery/object/object.ts';
import type { ServedItem } from '../pages.ts';

/** An object as it is stored, in its storage version. */
export interface StoredItem extends ServedItem {
  readonly key: string;
  readonly revision: bigint;
}

/** What the registry needs of the storage of one kind. Objects are in the storage version. */
export interface ResourceStorage {
  /** The object, as far as this server knows; possibly older than what another server wrote. */
  get(key: ObjectKey): Promise<StoredItem | undefined>;
  /** The object as the datastore has it now. */
  getNewest(key: ObjectKey): Promise<StoredItem | undefined>;
  /** @throws StorageError `key-exists` */
  create(key: ObjectKey, object: AnyObject): Promise<StoredItem>;
  /**
   * Replaces `previous`; where the bytes would be the same, nothing is written and `previous` comes back.
   * @throws StorageError `revision-moved`, `key-missing`
   */
  update(previous: StoredItem, object: AnyObject): Promise<StoredItem>;
  /** @returns the deleted object, at the revision of its deletion. @throws StorageError `revision-moved`, `key-missing` */
  delete(previous: StoredItem): Promise<StoredItem>;
}
