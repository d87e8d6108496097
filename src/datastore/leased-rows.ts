import type { LeasedRow } from './backend.ts';

/** What is read of a row that has seconds to live. */
export interface LeasedColumns {
  readonly id: number;
  readonly name: string;
  readonly lease: number;
}

export function toLeasedRow({ id, name, lease }: LeasedColumns): LeasedRow {
  return { key: name, revision: BigInt(id), leaseSeconds: lease };
}
