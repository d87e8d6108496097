/** Up to here, letters are written one by one faster than by a call. */
const SHORT = 32;

/**
 * Writes a message from its end to its beginning, so that the length of each part is known when its prefix is written.
 * Fields must come in descending order.
 */
export class BackwardWriter {
  #buffer: Buffer;
  #at: number;

  constructor(capacity = 4096) {
    this.#buffer = Buffer.allocUnsafe(capacity);
    this.#at = capacity;
  }

  /** Bytes written so far; the difference of two calls is the length of what is between. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  toBuffer(): Buffer {
    return Buffer.from(this.#buffer.subarray(this.#at));
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** An unsigned number below 2^53. */
  varint(value: number): void {
    if (value < 128) {
      this.#room(1);
      this.#buffer[--this.#at] = value;
      return;
    }
    let size = 1;
    for (let left = value; left >= 128; left = Math.floor(left / 128)) size++;
    this.#room(size);
    this.#at -= size;
    let left = value;
    for (let index = 0; index < size - 1; index++) {
      this.#buffer[this.#at + index] = (left % 128) | 128;
      left = Math.floor(left / 128);
    }
    this.#buffer[this.#at + size - 1] = left;
  }

  /** A signed number as int32 and int64 are written: negative ones take ten bytes. It may be a `bigint`. */
  signed(value: number): void {
    if (value >= 0 && typeof value === 'number') return this.varint(value);
    let left = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    while (left >= 128n) {
      bytes.push(Number(left % 128n) | 128);
      left /= 128n;
    }
    bytes.push(Number(left));
    this.#room(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  double(value: number): void {
    this.#room(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#at -= value.length;
    this.#buffer.set(value, this.#at);
  }

  string(value: string): void {
    const length = value.length;
    if (length <= SHORT) {
      this.#room(length);
      const at = this.#at - length;
      let index = 0;
      for (; index < length; index++) {
        const code = value.charCodeAt(index);
        if (code >= 128) break;
        this.#buffer[at + index] = code;
      }
      if (index === length) {
        this.#at = at;
        return;
      }
    }
    const size = Buffer.byteLength(value);
    this.#room(size);
    this.#at -= size;
    this.#buffer.write(value, this.#at);
  }

  #room(size: number): void {
    if (this.#at >= size) return;
    const used = this.length;
    const capacity = Math.max(this.#buffer.length * 2, used + size + 64);
    const next = Buffer.allocUnsafe(capacity);
    this.#buffer.copy(next, capacity - used, this.#at);
    this.#buffer = next;
    this.#at = capacity - used;
  }
}
