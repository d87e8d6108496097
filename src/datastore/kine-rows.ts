import type { KeyValue, LogEvent } from './backend.ts';

/** A row of kine's table, as the drivers read it. */
export interface Row {
  readonly id: number;
  readonly name: string;
  readonly created: number;
  readonly deleted: number;
  readonly create_revision: number;
  readonly prev_revision: number;
  readonly lease: number;
  readonly value: Uint8Array | null;
  readonly old_value: Uint8Array | null;
}

export function toKeyValue(row: Row): KeyValue {
  return {
    key: row.name,
    value: toBuffer(row.value),
    modRevision: BigInt(row.id),
    // A created row holds 0 here: it is its own beginning.
    createRevision: BigInt(row.created === 1 ? row.id : row.create_revision),
    leaseSeconds: row.lease,
  };
}

export function toEvent(row: Row): LogEvent {
  const revision = BigInt(row.id);
  return {
    kind: row.deleted === 1 ? 'delete' : row.created === 1 ? 'create' : 'update',
    key: row.name,
    revision,
    createRevision: row.created === 1 ? revision : BigInt(row.create_revision),
    value: row.deleted === 1 ? EMPTY : toBuffer(row.value),
    leaseSeconds: row.deleted === 1 ? 0 : row.lease,
    previousValue: row.created === 1 || row.old_value === null ? undefined : toBuffer(row.old_value),
  };
}

const EMPTY = Buffer.alloc(0);

function toBuffer(bytes: Uint8Array | null): Buffer {
  return bytes === null ? EMPTY : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
