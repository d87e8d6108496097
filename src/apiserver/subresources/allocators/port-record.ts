import type { Backend } from '../../../datastore/backend.ts';
import { StorageError } from '../../../datastore/storage-error.ts';
import type { AnyObject } from '../../../machinery/object/object.ts';
import type { PortRange } from './node-ports.ts';

/** Source: kube-apiserver `pkg/registry/core/rest/storage_core.go` (newServiceIPAllocators). */
const KEY = '/registry/ranges/servicenodeports';

/** Ports that are taken, one bit each. */
export class PortBits {
  readonly #first: number;
  #bits: bigint;

  constructor(first: number, bits: bigint) {
    this.#first = first;
    this.#bits = bits;
  }

  get bits(): bigint {
    return this.#bits;
  }

  has(port: number): boolean {
    return ((this.#bits >> this.#placeOf(port)) & 1n) === 1n;
  }

  add(port: number): void {
    this.#bits |= 1n << this.#placeOf(port);
  }

  delete(port: number): void {
    if (this.has(port)) this.#bits ^= 1n << this.#placeOf(port);
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let rest = this.#bits, port = this.#first; rest > 0n; rest >>= 1n, port++) if ((rest & 1n) === 1n) yield port;
  }

  #placeOf(port: number): bigint {
    return BigInt(port - this.#first);
  }
}

/**
 * Which node ports are taken, for all servers of a cluster: one record, written only where nobody wrote it since it was
 * read. Its key and form are upstream's, so that a kube-apiserver or a k3s goes on with it.
 */
export class PortRecord {
  readonly #backend: Pick<Backend, 'get' | 'create' | 'update'>;
  readonly #range: PortRange;
  readonly #decode: (value: Buffer) => AnyObject;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    backend: Pick<Backend, 'get' | 'create' | 'update'>,
    range: PortRange,
    decode: (value: Buffer) => AnyObject,
  ) {
    this.#backend = backend;
    this.#range = range;
    this.#decode = decode;
  }

  /** What the record holds now; none where it is missing, or of another range. */
  async current(): Promise<PortBits> {
    return (await this.#read()).bits ?? new PortBits(this.#range.first, 0n);
  }

  /**
   * Changes the record, where `change` changes anything. That runs again, on what the others have written, until nobody
   * comes in between; what it throws leaves the record as it is. A record that is missing begins empty.
   */
  async update<T>(change: (bits: PortBits) => T): Promise<T> {
    // One after the other in this process: they would only overtake each other.
    const turn = this.#last.then(() => this.#update(change));
    this.#last = turn.catch(() => {});
    return await turn;
  }

  async #update<T>(change: (bits: PortBits) => T): Promise<T> {
    for (;;) {
      const { bits: found, object, revision } = await this.#read();
      const bits = new PortBits(this.#range.first, found?.bits ?? 0n);
      const result = change(bits);
      if (found?.bits === bits.bits) return result;
      const value = toValue(object, this.#range, bits);
      try {
        if (revision === undefined) await this.#backend.create(KEY, value);
        else await this.#backend.update(KEY, value, revision);
        return result;
      } catch (error) {
        if (!(error instanceof StorageError) || error.fault === 'unavailable' || error.fault === 'corrupt') throw error;
      }
    }
  }

  async #read() {
    const found = await this.#backend.get(KEY);
    if (found === undefined) return {};
    const object = this.#decode(found.value) as AnyObject & { range?: string; data?: string };
    const isOurs = object.range === `${this.#range.first}-${this.#range.last}`;
    const bits = isOurs ? new PortBits(this.#range.first, toBits(object.data ?? '')) : undefined;
    return { bits, object, revision: found.modRevision };
  }
}

/** As Go writes a whole number: the highest byte first, none where it is zero. */
function toBits(base64: string): bigint {
  const hex = Buffer.from(base64, 'base64').toString('hex');
  return hex === '' ? 0n : BigInt(`0x${hex}`);
}

function toValue(object: AnyObject | undefined, { first, last }: PortRange, { bits }: PortBits): Buffer {
  const hex = bits === 0n ? '' : bits.toString(16);
  const data = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64');
  const record = {
    kind: 'RangeAllocation',
    apiVersion: 'v1',
    metadata: object?.metadata ?? {},
    range: `${first}-${last}`,
    data,
  };
  return Buffer.from(`${JSON.stringify(record)}\n`);
}
