/** A kind and a length before each frame: TLS alone cannot say why a stream broke, nor that it did. */
const HEAD_BYTES = 5;
const Kind = { data: 0, fault: 1, end: 2 } as const;

/** A reason is a sentence. */
const MAX_FAULT_BYTES = 4_096;

/** What goes before bytes of a node. */
export function dataHead(length: number): Buffer {
  return headOf(Kind.data, length);
}

/** The last frame of a stream that did not break. */
export const endFrame: Buffer = headOf(Kind.end, 0);

/** The last frame of a stream that broke, with the reason. */
export function toFaultFrame(reason: string): Buffer {
  const text = Buffer.from(reason).subarray(0, MAX_FAULT_BYTES);
  return Buffer.concat([headOf(Kind.fault, text.length), text]);
}

function headOf(kind: number, length: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(kind);
  head.writeUInt32BE(length, 1);
  return head;
}

/** Takes frames apart as they arrive; bytes are handed on before their frame is complete. */
export class FrameReader {
  readonly #onData: (bytes: Buffer) => void;
  #head = Buffer.alloc(0);
  #kind: number = Kind.data;
  #left = 0;
  #fault = Buffer.alloc(0);

  constructor(onData: (bytes: Buffer) => void) {
    this.#onData = onData;
  }

  /** Why the stream broke, once the frame that says so is complete. */
  fault: Error | undefined;

  /** Whether the last frame has come. */
  ended = false;

  /** @throws Error where it is no frame. */
  take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const missing = HEAD_BYTES - this.#head.length;
        this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#head.length < HEAD_BYTES) return;
        this.#begin(this.#head.readUInt8(), this.#head.readUInt32BE(1));
        this.#head = Buffer.alloc(0);
        continue;
      }
      const part = rest.subarray(0, this.#left);
      rest = rest.subarray(part.length);
      this.#left -= part.length;
      if (this.#kind === Kind.data) this.#onData(part);
      else this.#takeFault(part);
    }
  }

  #begin(kind: number, length: number): void {
    const isKnown = kind === Kind.data || (kind === Kind.fault && length <= MAX_FAULT_BYTES);
    if (this.ended || !(isKnown || (kind === Kind.end && length === 0)))
      throw new Error('the other server sends what is no frame');
    this.#kind = kind;
    this.#left = length;
    this.ended = kind !== Kind.data && length === 0;
    if (kind === Kind.fault && length === 0) this.fault = new Error('the stream broke');
  }

  #takeFault(part: Buffer): void {
    this.#fault = Buffer.concat([this.#fault, part]);
    if (this.#left > 0) return;
    this.ended = true;
    this.fault = new Error(this.#fault.toString('utf8'));
  }
}
