import { parseDurationMs, toDurationText } from '../../values/duration.ts';
import { parseTime, toTimeText } from '../../values/time.ts';
import { parseExactJson } from '../json/exact-numbers.ts';
import { escapeAsGo } from '../json/go-text.ts';
import { expectWireType, type Reader, readFields } from './reader.ts';
import type { BackwardWriter } from './writer.ts';

/** How one value is written and read; lengths and tags are the caller's. */
export interface LeafCodec {
  readonly wireType: 0 | 1 | 2;
  write(writer: BackwardWriter, value: unknown): void;
  read(reader: Reader): unknown;
  /** What a non-pointer field holds when it is absent; it is written all the same. */
  readonly zero: unknown;
}

const varint: LeafCodec = {
  wireType: 0,
  zero: 0,
  write: (writer, value) => writer.signed(value as number),
  read: (reader) => reader.signed(),
};
const varint32: LeafCodec = { ...varint, read: (reader) => reader.signed32() };

/** A message of a few fields of its own; `body` writes them in descending order, `read` reads them to their end. */
export function message(
  body: (writer: BackwardWriter, value: unknown) => void,
  read: (reader: Reader) => unknown,
  zero: unknown,
): LeafCodec {
  return {
    wireType: 2,
    zero,
    write(writer, value) {
      const start = writer.length;
      body(writer, value);
      writer.varint(writer.length - start);
    },
    read(reader) {
      const outer = reader.enter();
      const value = read(reader);
      reader.leave(outer);
      return value;
    },
  };
}

type Take = readonly [goName: string, wireType: number, take: () => void];

/** Reads a small message whose fields are few and numbered from one on. */
function readLeaf(reader: Reader, name: string, fields: readonly Take[]): void {
  readFields(reader, name, (field, wireType) => {
    const known = fields[field - 1];
    if (known === undefined) {
      reader.skip(wireType);
      return;
    }
    expectWireType(wireType, known[1], known[0]);
    known[2]();
  });
}

function raw(name: string, toText: (bytes: Buffer) => unknown): LeafCodec {
  return message(
    (writer, value) => {
      if (value === undefined || value === null) return;
      const start = writer.length;
      writer.string(escapeAsGo(JSON.stringify(value)));
      writer.varint(writer.length - start);
      writer.tag(1, 2);
    },
    (reader) => {
      let value: unknown;
      readLeaf(reader, name, [
        [
          'Raw',
          2,
          () => {
            value = toText(reader.bytes());
          },
        ],
      ]);
      return value;
    },
    undefined,
  );
}

const json = (name: string): LeafCodec =>
  raw(name, (bytes) => (bytes.length === 0 ? undefined : parseExactJson(bytes.toString('utf8'))));

/** Of the year 1, where Go's time begins. */
const ZERO_SECONDS = -62_135_596_800;

function writeTime(writer: BackwardWriter, value: unknown, nanos: (parsed: number) => number): void {
  const parsed = typeof value === 'string' ? parseTime(value) : undefined;
  // The zero time is an empty message.
  if (parsed === undefined || (parsed.seconds === ZERO_SECONDS && parsed.nanos === 0)) return;
  writer.signed(nanos(parsed.nanos));
  writer.tag(2, 0);
  writer.signed(parsed.seconds);
  writer.tag(1, 0);
}

function readTime(reader: Reader): { seconds: number; nanos: number } | undefined {
  if (reader.done) return undefined;
  const time = { seconds: 0, nanos: 0 };
  readLeaf(reader, 'Timestamp', [
    [
      'Seconds',
      0,
      () => {
        time.seconds = reader.signed();
      },
    ],
    [
      'Nanos',
      0,
      () => {
        time.nanos = reader.signed32();
      },
    ],
  ]);
  return time;
}

/** Codecs of the types that have a JSON form of their own. Source: their Go marshallers. */
export const leafCodecs: Readonly<Record<string, LeafCodec>> = {
  string: {
    wireType: 2,
    zero: '',
    write(writer, value) {
      const start = writer.length;
      writer.string(value as string);
      writer.varint(writer.length - start);
    },
    read: (reader) => reader.string(),
  },
  bool: {
    wireType: 0,
    zero: false,
    write: (writer, value) => writer.varint(value ? 1 : 0),
    read: (reader) => reader.varint() !== 0,
  },
  int32: varint32,
  int64: varint,
  uint32: varint,
  uint64: varint,
  double: {
    wireType: 1,
    zero: 0,
    write: (writer, value) => writer.double(value as number),
    read: (reader) => reader.double(),
  },
  bytes: {
    wireType: 2,
    zero: undefined,
    write(writer, value) {
      const bytes = Buffer.from(value as string, 'base64');
      writer.bytes(bytes);
      writer.varint(bytes.length);
    },
    read: (reader) => reader.bytes().toString('base64'),
  },
  Quantity: message(
    (writer, value) => {
      const start = writer.length;
      writer.string(String(value ?? '0'));
      writer.varint(writer.length - start);
      writer.tag(1, 2);
    },
    (reader) => {
      let text = '0';
      readLeaf(reader, 'Quantity', [
        [
          'String_',
          2,
          () => {
            text = reader.string();
          },
        ],
      ]);
      return text;
    },
    '0',
  ),
  IntOrString: message(
    (writer, value) => {
      const text = typeof value === 'string' ? value : '';
      const start = writer.length;
      writer.string(text);
      writer.varint(writer.length - start);
      writer.tag(3, 2);
      writer.signed(typeof value === 'number' ? value : 0);
      writer.tag(2, 0);
      writer.varint(typeof value === 'string' ? 1 : 0);
      writer.tag(1, 0);
    },
    (reader) => {
      let isText = false;
      let number = 0;
      let text = '';
      readLeaf(reader, 'IntOrString', [
        [
          'Type',
          0,
          () => {
            isText = reader.varint() === 1;
          },
        ],
        [
          'IntVal',
          0,
          () => {
            number = reader.signed32();
          },
        ],
        [
          'StrVal',
          2,
          () => {
            text = reader.string();
          },
        ],
      ]);
      return isText ? text : number;
    },
    0,
  ),
  Time: message(
    (writer, value) => writeTime(writer, value, () => 0),
    (reader) => {
      const time = readTime(reader);
      return time === undefined ? undefined : toTimeText(time.seconds * 1000);
    },
    undefined,
  ),
  MicroTime: message(
    (writer, value) => writeTime(writer, value, (nanos) => nanos - (nanos % 1000)),
    (reader) => {
      const time = readTime(reader);
      if (time === undefined) return undefined;
      return `${toTimeText(time.seconds * 1000).slice(0, -1)}.${String(Math.floor(time.nanos / 1000)).padStart(6, '0')}Z`;
    },
    undefined,
  ),
  Duration: message(
    (writer, value) => {
      writer.signed((parseDurationMs(String(value ?? '0s')) ?? 0) * 1e6);
      writer.tag(1, 0);
    },
    (reader) => {
      let nanos = 0;
      readLeaf(reader, 'Duration', [
        [
          'Duration',
          0,
          () => {
            nanos = reader.signed();
          },
        ],
      ]);
      return toDurationText(nanos / 1e6);
    },
    '0s',
  ),
  RawExtension: json('RawExtension'),
  FieldsV1: json('FieldsV1'),
  Json: json('JSON'),
  StringList: message(
    (writer, value) => {
      for (const text of [...((value as string[] | undefined) ?? [])].reverse()) {
        const start = writer.length;
        writer.string(text);
        writer.varint(writer.length - start);
        writer.tag(1, 2);
      }
    },
    (reader) => {
      const list: string[] = [];
      readLeaf(reader, 'Items', [['Items', 2, () => list.push(reader.string())]]);
      return list;
    },
    [],
  ),
};
