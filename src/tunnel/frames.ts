/** Message types of remotedialer. Source: rancher/remotedialer `message.go`. */
export const FrameType = {
  data: 1,
  connect: 2,
  error: 3,
  addClient: 4,
  removeClient: 5,
  pause: 6,
  resume: 7,
  syncConnections: 8,
} as const;

/** One message: a WebSocket binary message each. */
export interface Frame {
  readonly id: bigint;
  readonly connectionId: bigint;
  readonly type: number;
  /** Milliseconds; only `data` and `connect` carry it. */
  readonly deadlineMs: bigint;
  readonly payload: Buffer;
}

/** A message that does not follow the protocol; the session ends. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** Go's signed varint: zigzag, then base 128 with the low bits first. */
function writeVarint(value: bigint, into: number[]): void {
  let left = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  while (left >= 0x80n) {
    into.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  into.push(Number(left));
}

function readVarint(bytes: Buffer, at: number): { value: bigint; next: number } {
  let unsigned = 0n;
  for (let index = at, shift = 0n; index < at + 10; index++, shift += 7n) {
    const byte = bytes[index];
    if (byte === undefined) throw new FrameError('a message ends inside of a number');
    unsigned |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value: BigInt.asIntN(64, (unsigned >> 1n) ^ -(unsigned & 1n)), next: index + 1 };
  }
  throw new FrameError('a number is longer than ten bytes');
}

const carriesDeadline = (type: number): boolean => type === FrameType.data || type === FrameType.connect;

export function encodeFrame({ id, connectionId, type, deadlineMs, payload }: Frame): Buffer {
  const head: number[] = [];
  writeVarint(id, head);
  writeVarint(connectionId, head);
  writeVarint(BigInt(type), head);
  if (carriesDeadline(type)) writeVarint(deadlineMs, head);
  return Buffer.concat([Buffer.from(head), payload]);
}

/** @throws FrameError */
export function decodeFrame(bytes: Buffer): Frame {
  const id = readVarint(bytes, 0);
  const connectionId = readVarint(bytes, id.next);
  const kind = readVarint(bytes, connectionId.next);
  const type = Number(kind.value);
  const deadline = carriesDeadline(type) ? readVarint(bytes, kind.next) : { value: 0n, next: kind.next };
  return {
    id: id.value,
    connectionId: connectionId.value,
    type,
    deadlineMs: deadline.value,
    payload: bytes.subarray(deadline.next),
  };
}

/** The connections that a peer says it has, from a `syncConnections` payload: little-endian numbers of eight bytes. */
export function readConnectionIds(payload: Buffer): Set<bigint> {
  const ids = new Set<bigint>();
  for (let at = 0; at + 8 <= payload.length; at += 8) ids.add(payload.readBigUInt64LE(at));
  return ids;
}
