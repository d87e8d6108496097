/** Bytes that are no protobuf, or not of the type that was asked for. The message is that of Go's generated decoders. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

const SHORT = 24;

/**
 * Reads a message field by field. Messages inside it are read by the same reader: `enter` narrows it to the one that
 * follows, `leave` widens it again.
 */
export class Reader {
  readonly #buffer: Buffer;
  #at: number;
  #end: number;

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
    const first = this.#byte();
    if (first < 128) return first;
    let value = first - 128;
    let factor = 128;
    for (let count = 1; count < 10; count++) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    throw new ProtobufError('proto: integer overflow');
  }

  /** A signed number of int64: a `bigint`, typed as a number, where a number would round it. */
  signed(): number {
    const start = this.#at;
    const value = this.varint();
    if (value < 2 ** 53) return value;
    let exact = 0n;
    for (let index = start, shift = 0n; index < this.#at; index++, shift += 7n) {
      exact |= BigInt((this.#buffer[index] as number) & 127) << shift;
    }
    const value64 = BigInt.asIntN(64, exact);
    const rounded = Number(value64);
    return Number.isSafeInteger(rounded) ? rounded : (value64 as unknown as number);
  }

  /** A signed number of int32: higher bits are dropped, as Go drops them. */
  signed32(): number {
    const value = this.signed();
    return value >= -(2 ** 31) && value < 2 ** 31 ? value : Number(BigInt.asIntN(32, BigInt(value)));
  }

  double(): number {
    const at = this.#take(8);
    return this.#buffer.readDoubleLE(at);
  }

  bytes(): Buffer {
    const size = this.#length();
    const at = this.#take(size);
    return this.#buffer.subarray(at, at + size);
  }

  string(): string {
    const size = this.#length();
    const at = this.#take(size);
    if (size > SHORT) return this.#buffer.toString('utf8', at, at + size);
    let text = '';
    for (let index = at; index < at + size; index++) {
      const byte = this.#buffer[index] as number;
      if (byte >= 128) return this.#buffer.toString('utf8', at, at + size);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Goes into the message that follows. @returns what `leave` needs */
  enter(): number {
    const size = this.#length();
    if (this.#at + size > this.#end) throw new ProtobufError('unexpected EOF');
    const outer = this.#end;
    this.#end = this.#at + size;
    return outer;
  }

  /** Goes on behind the message. */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  /** Passes over a field that nobody knows. */
  skip(wireType: number): void {
    if (wireType !== 3) {
      this.#skipOne(wireType);
      return;
    }
    for (let depth = 1; depth > 0; ) {
      const inner = this.varint() % 8;
      if (inner === 3) depth++;
      else if (inner === 4) depth--;
      else this.#skipOne(inner);
    }
  }

  #skipOne(wireType: number): void {
    switch (wireType) {
      case 0:
        this.varint();
        return;
      case 1:
        this.#take(8);
        return;
      case 2:
        this.#take(this.#length());
        return;
      case 4:
        throw new ProtobufError('proto: unexpected end of group');
      case 5:
        this.#take(4);
        return;
      default:
        throw new ProtobufError(`proto: illegal wireType ${wireType}`);
    }
  }

  #length(): number {
    const size = this.varint();
    if (size >= 2 ** 63) throw new ProtobufError('proto: negative length found during unmarshaling');
    return size;
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

/** Reads the fields of a message by number, up to its end. @param name - Of its Go type, for messages of errors. */
export function readFields(reader: Reader, name: string, take: (field: number, wireType: number) => void): void {
  while (!reader.done) {
    const tag = reader.varint();
    const wireType = tag % 8;
    checkTag(name, tag);
    take((tag - wireType) / 8, wireType);
  }
}

/** Passes over a field that a message does not have. @param name - Of the message's Go type. */
export function skipUnknown(reader: Reader, name: string, tag: number): void {
  checkTag(name, tag);
  reader.skip(tag % 8);
}

function checkTag(name: string, tag: number): void {
  if (tag % 8 === 4) throw new ProtobufError(`proto: ${name}: wiretype end group for non-group`);
  if (tag < 8) throw new ProtobufError(`proto: ${name}: illegal tag 0 (wire type ${tag})`);
}

/** @param field - Its Go name. */
export function expectWireType(wireType: number, wanted: number, field: string): void {
  if (wireType !== wanted) throw new ProtobufError(`proto: wrong wireType = ${wireType} for field ${field}`);
}
