/** Bytes that are no protobuf, or not of the type that was asked for. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/** Reads a message field by field. */
export class Reader {
  readonly #buffer: Buffer;
  #at: number;
  readonly #end: number;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** An unsigned number; exact below 2^53. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
      if (factor > 2 ** 63) throw new ProtobufError('a number is longer than 64 bits');
    }
  }

  /** A signed number of int32 or int64; exact within 2^53. */
  signed(): number {
    const start = this.#at;
    const value = this.varint();
    if (value < 2 ** 53) return value;
    let exact = 0n;
    for (let index = start, shift = 0n; index < this.#at; index++, shift += 7n) {
      exact |= BigInt((this.#buffer[index] as number) & 127) << shift;
    }
    return Number(BigInt.asIntN(64, exact));
  }

  double(): number {
    const at = this.#take(8);
    return this.#buffer.readDoubleLE(at);
  }

  bytes(): Buffer {
    const size = this.varint();
    const at = this.#take(size);
    return this.#buffer.subarray(at, at + size);
  }

  string(): string {
    const size = this.varint();
    const at = this.#take(size);
    return this.#buffer.toString('utf8', at, at + size);
  }

  /** A reader over the message that follows. */
  message(): Reader {
    const size = this.varint();
    const at = this.#take(size);
    return new Reader(this.#buffer, at, at + size);
  }

  skip(wireType: number): void {
    switch (wireType) {
      case 0:
        this.varint();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.#take(this.varint());
        return;
      case 5:
        this.#take(4);
        return;
      default:
        throw new ProtobufError(`wire type ${wireType} is not known`);
    }
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF');
    return this.#buffer[this.#at++] as number;
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) throw new ProtobufError('unexpected EOF');
    this.#at += size;
    return at;
  }
}
