import { type LeafCodec, leafCodecs } from './leaf-codecs.ts';
import { ProtobufError, Reader } from './reader.ts';
import { BackwardWriter } from './writer.ts';

/** First bytes of everything that Kubernetes writes as protobuf: `k8s` and a zero. */
export const PROTOBUF_MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
export const PROTOBUF_MEDIA_TYPE = 'application/vnd.kubernetes.protobuf';

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Buffer;
}

export function isProtobuf(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.compare(PROTOBUF_MAGIC, 0, 4, 0, 4) === 0;
}

const text = leafCodecs['string'] as LeafCodec;

/** Puts a message into the envelope that names its type. Source: apimachinery `pkg/runtime/serializer/protobuf`. */
export function wrapUnknown(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const writer = new BackwardWriter(raw.length + 64 + apiVersion.length + kind.length);
  for (const field of [4, 3]) {
    text.write(writer, '');
    writer.tag(field, 2);
  }
  writer.bytes(raw);
  writer.varint(raw.length);
  writer.tag(2, 2);
  const start = writer.length;
  text.write(writer, kind);
  writer.tag(2, 2);
  text.write(writer, apiVersion);
  writer.tag(1, 2);
  writer.varint(writer.length - start);
  writer.tag(1, 2);
  writer.bytes(PROTOBUF_MAGIC);
  return writer.toBuffer();
}

/** Takes a message out of its envelope. @throws ProtobufError where the bytes are something else. */
export function unwrapUnknown(bytes: Buffer): Envelope {
  if (!isProtobuf(bytes)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  const envelope = { apiVersion: '', kind: '', raw: Buffer.alloc(0) as Buffer };
  const reader = new Reader(bytes, 4);
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === 10) {
      const type = reader.message();
      while (!type.done) {
        const inner = type.varint();
        if (inner === 10) envelope.apiVersion = type.string();
        else if (inner === 18) envelope.kind = type.string();
        else type.skip(inner % 8);
      }
    } else if (tag === 18) envelope.raw = reader.bytes();
    else reader.skip(tag % 8);
  }
  return envelope;
}

/** One event of a protobuf watch: a big-endian length, then the event. `object` is a whole envelope. */
export function encodeWatchEventFrame(type: string, object: Buffer): Buffer {
  const writer = new BackwardWriter(object.length + 64);
  const start = writer.length;
  writer.bytes(object);
  writer.varint(object.length);
  writer.tag(1, 2);
  writer.varint(writer.length - start);
  writer.tag(2, 2);
  text.write(writer, type);
  writer.tag(1, 2);
  // The event itself has no envelope: streams use the raw serialiser.
  const event = writer.toBuffer();
  const frame = Buffer.allocUnsafe(event.length + 4);
  frame.writeUInt32BE(event.length, 0);
  event.copy(frame, 4);
  return frame;
}
