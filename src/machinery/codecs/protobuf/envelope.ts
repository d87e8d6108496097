import { type LeafCodec, leafCodecs } from './leaf-codecs.ts';
import { expectWireType, ProtobufError, Reader, readFields } from './reader.ts';
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
  if (bytes.length === 0) throw new ProtobufError('empty data');
  if (!isProtobuf(bytes)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  if (bytes.length === PROTOBUF_MAGIC.length) throw new ProtobufError('empty body');
  const envelope = { apiVersion: '', kind: '', raw: Buffer.alloc(0) as Buffer };
  const reader = new Reader(bytes, PROTOBUF_MAGIC.length);
  readFields(reader, 'Unknown', (field, wireType) => {
    const goName = unknownFields[field - 1];
    if (goName === undefined) return reader.skip(wireType);
    expectWireType(wireType, 2, goName);
    if (field === 1) readTypeMeta(reader, envelope);
    else if (field === 2) envelope.raw = reader.bytes();
    else reader.bytes();
  });
  return envelope;
}

/** In the order of their numbers. Source: apimachinery `pkg/runtime/generated.proto`. */
const unknownFields = ['TypeMeta', 'Raw', 'ContentEncoding', 'ContentType'];

function readTypeMeta(reader: Reader, into: { apiVersion: string; kind: string }): void {
  const outer = reader.enter();
  readFields(reader, 'TypeMeta', (field, wireType) => {
    if (field > 2) return reader.skip(wireType);
    expectWireType(wireType, 2, field === 1 ? 'APIVersion' : 'Kind');
    if (field === 1) into.apiVersion = reader.string();
    else into.kind = reader.string();
  });
  reader.leave(outer);
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
