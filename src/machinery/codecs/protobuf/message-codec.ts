import type { AnyObject } from '../../object/object.ts';
import { INLINE, MAP, POINTER, REPEATED, type Row, rowsOf } from '../../schema/schema-table.ts';
import { setOwnField } from '../../values/own-field.ts';
import { type LeafCodec, leafCodecs, message } from './leaf-codecs.ts';
import { expectWireType, Reader, readFields, skipUnknown } from './reader.ts';
import { BackwardWriter } from './writer.ts';

type Fields = Record<string, unknown>;

/** A type, compiled: fields in descending order for writing, by number for reading. */
interface MessageCodec {
  /** Of the Go type. */
  readonly name: string;
  readonly writers: readonly ((writer: BackwardWriter, fields: Fields) => void)[];
  readonly readers: readonly (FieldReader | undefined)[];
}

interface FieldReader {
  readonly goName: string;
  readonly wireType: number;
  /** Numbers in a list may also come as one run of bytes. */
  readonly packable: boolean;
  read(reader: Reader, into: Fields): void;
}

const compiled = new Map<string, MessageCodec>();

/**
 * The protobuf of an object of a built-in type, byte for byte as upstream writes it: fields ascending, non-pointer
 * scalars and structs written even when empty, maps sorted. `apiVersion` and `kind` stand in the envelope.
 *
 * Source: gogo/protobuf's generated marshallers (`generated.pb.go`).
 */
export function encodeProtobuf(object: Readonly<Record<string, unknown>>, typeName: string): Buffer {
  const writer = new BackwardWriter();
  writeMessage(writer, object as Fields, codecOf(typeName));
  return writer.toBuffer();
}

/** The object of a message. Empty values of non-pointer fields are left out, as in JSON. @throws ProtobufError */
export function decodeProtobuf(bytes: Buffer, typeName: string): AnyObject {
  const object: Fields = {};
  readMessage(new Reader(bytes), object, codecOf(typeName));
  return object as unknown as AnyObject;
}

function codecOf(typeName: string): MessageCodec {
  const known = compiled.get(typeName);
  if (known !== undefined) return known;
  const writers: MessageCodec['writers'][number][] = [];
  const readers: (FieldReader | undefined)[] = [];
  const codec = { name: typeName.replace(/^.*\./, ''), writers, readers };
  compiled.set(typeName, codec);
  for (const row of [...rowsOf(typeName)].sort((a, b) => b[0] - a[0])) {
    const { write, read, wireType } = fieldCodec(row);
    writers.push(write);
    readers[row[0]] = { goName: goNameOf(row), wireType, packable: (row[3] & REPEATED) !== 0 && wireType === 0, read };
  }
  return codec;
}

function writeMessage(writer: BackwardWriter, fields: Fields, { writers }: MessageCodec): void {
  for (const write of writers) write(writer, fields);
}

function readMessage(reader: Reader, into: Fields, { name, readers }: MessageCodec): void {
  while (!reader.done) {
    const tag = reader.varint();
    const wireType = tag % 8;
    const known = readers[(tag - wireType) / 8];
    if (known?.wireType === wireType) known.read(reader, into);
    else if (known === undefined || wireType === 4) skipUnknown(reader, name, tag);
    else if (wireType === 2 && known.packable) readPacked(reader, into, known);
    else expectWireType(wireType, known.wireType, known.goName);
  }
}

function readPacked(reader: Reader, into: Fields, { read }: FieldReader): void {
  const outer = reader.enter();
  while (!reader.done) read(reader, into);
  reader.leave(outer);
}

/** Acronyms that Go writes in capitals at the beginning of a name. */
const ACRONYM = /^(?:uid|ip|url|uri|api|dns|tls|tty|http|tcp|grpc|csi|nfs|cpu|id|os|ttl|fs|ca|pid)(?=[A-Z]|s?$)/;

/** What Go calls a field; told in errors only. */
function goNameOf([, name, ref]: Row): string {
  if (name === 'metadata') return ref === 'meta/v1.ListMeta' ? 'ListMeta' : 'ObjectMeta';
  const start = ACRONYM.exec(name)?.[0].length ?? 1;
  return name.slice(0, start).toUpperCase() + name.slice(start);
}

interface FieldCodec {
  readonly wireType: number;
  write(writer: BackwardWriter, fields: Fields): void;
  read(reader: Reader, into: Fields): void;
}

function fieldCodec(row: Row): FieldCodec {
  const [number, name, ref, flags] = row;
  if (flags & INLINE) return inlineField(number, ref);
  const codec = valueCodec(ref);
  if (flags & MAP) return mapField(number, name, codec);
  if (flags & REPEATED) return listField(number, name, codec);
  return singleField(number, name, codec, (flags & POINTER) !== 0);
}

/** Its message holds fields that stand among the owner's in JSON. */
function inlineField(number: number, ref: string): FieldCodec {
  return {
    wireType: 2,
    write(writer, fields) {
      const start = writer.length;
      writeMessage(writer, fields, codecOf(ref));
      writer.varint(writer.length - start);
      writer.tag(number, 2);
    },
    read(reader, into) {
      const outer = reader.enter();
      readMessage(reader, into, codecOf(ref));
      reader.leave(outer);
    },
  };
}

function singleField(number: number, name: string, codec: LeafCodec, pointer: boolean): FieldCodec {
  return {
    wireType: codec.wireType,
    write(writer, fields) {
      const value = fields[name];
      const absent = value === undefined || value === null;
      if (absent && (pointer || isNilable(codec))) return;
      codec.write(writer, absent ? codec.zero : value);
      writer.tag(number, codec.wireType);
    },
    read(reader, into) {
      const value = codec.read(reader);
      if (value === undefined) return;
      if (!pointer && (value === '' || value === 0 || value === false) && codec !== leafCodecs['IntOrString']) return;
      into[name] = value;
    },
  };
}

/** Byte slices are nil when absent, and then not written. */
function isNilable(codec: LeafCodec): boolean {
  return codec === leafCodecs['bytes'];
}

function listField(number: number, name: string, codec: LeafCodec): FieldCodec {
  return {
    wireType: codec.wireType,
    write(writer, fields) {
      const list = (fields[name] as unknown[] | null | undefined) ?? [];
      for (let index = list.length - 1; index >= 0; index--) {
        codec.write(writer, list[index] ?? codec.zero);
        writer.tag(number, codec.wireType);
      }
    },
    read(reader, into) {
      const list = (into[name] as unknown[] | undefined) ?? [];
      into[name] = list;
      list.push(codec.read(reader));
    },
  };
}

function mapField(number: number, name: string, codec: LeafCodec): FieldCodec {
  const text = leafCodecs['string'] as LeafCodec;
  return {
    wireType: 2,
    write(writer, fields) {
      const map = fields[name] as Fields | null | undefined;
      if (map === undefined || map === null) return;
      const keys = Object.keys(map);
      if (keys.length > 1) keys.sort(backwards);
      for (const key of keys) {
        const value = map[key];
        const start = writer.length;
        codec.write(writer, value ?? codec.zero);
        writer.tag(2, codec.wireType);
        text.write(writer, key);
        writer.tag(1, 2);
        writer.varint(writer.length - start);
        writer.tag(number, 2);
      }
    },
    read(reader, into) {
      const map = (into[name] as Fields | undefined) ?? {};
      into[name] = map;
      let key = '';
      let value = codec.zero;
      const outer = reader.enter();
      readFields(reader, name, (field, wireType) => {
        if (field === 1) key = reader.string();
        else if (field === 2) value = codec.read(reader);
        else reader.skip(wireType);
      });
      reader.leave(outer);
      setOwnField(map, key, value);
    },
  };
}

/** The later key first: writing goes backwards. Go compares bytes, in whose order surrogates come last. */
function backwards(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(b), Buffer.from(a));
  return a < b ? 1 : -1;
}

const SURROGATE = /[\ud800-\udfff]/;

function valueCodec(ref: string): LeafCodec {
  const leaf = leafCodecs[ref] ?? schemaUnions[ref];
  if (leaf !== undefined) return leaf;
  return message(
    (writer, value) => writeMessage(writer, (value ?? {}) as Fields, codecOf(ref)),
    (reader) => {
      const into: Fields = {};
      readMessage(reader, into, codecOf(ref));
      return into;
    },
    EMPTY,
  );
}

const EMPTY: Fields = Object.freeze({}) as Fields;
const SCHEMA = 'apiextensions/v1.JSONSchemaProps';

function writeSchema(writer: BackwardWriter, number: number, value: unknown): void {
  const start = writer.length;
  writeMessage(writer, value as Fields, codecOf(SCHEMA));
  writer.varint(writer.length - start);
  writer.tag(number, 2);
}

function readSchema(reader: Reader): Fields {
  const into: Fields = {};
  const outer = reader.enter();
  readMessage(reader, into, codecOf(SCHEMA));
  reader.leave(outer);
  return into;
}

/** The JSON Schema fields that take one of two types. Source: apiextensions `v1/types_jsonschema.go`. */
const schemaUnions: Readonly<Record<string, LeafCodec>> = {
  SchemaOrArray: union(
    (writer, value) => {
      if (!Array.isArray(value)) return writeSchema(writer, 1, value);
      for (const each of [...value].reverse()) writeSchema(writer, 2, each);
    },
    {
      1: (reader) => readSchema(reader),
      2: (reader, before) => [...((before as unknown[] | undefined) ?? []), readSchema(reader)],
    },
  ),
  SchemaOrBool: union(
    (writer, value) => {
      const isSchema = typeof value === 'object' && value !== null;
      if (isSchema) writeSchema(writer, 2, value);
      writer.varint(isSchema || value === true ? 1 : 0);
      writer.tag(1, 0);
    },
    { 1: (reader, before) => (reader.varint() !== 0 ? (before ?? true) : false), 2: (reader) => readSchema(reader) },
  ),
  SchemaOrStringArray: union(
    (writer, value) => {
      if (!Array.isArray(value)) return writeSchema(writer, 1, value);
      for (const text of [...value].reverse()) {
        (leafCodecs['string'] as LeafCodec).write(writer, text);
        writer.tag(2, 2);
      }
    },
    {
      1: (reader) => readSchema(reader),
      2: (reader, before) => [...((before as unknown[] | undefined) ?? []), reader.string()],
    },
  ),
};

function union(
  body: (writer: BackwardWriter, value: unknown) => void,
  fields: Record<number, (reader: Reader, before: unknown) => unknown>,
): LeafCodec {
  return message(
    body,
    (reader) => {
      let value: unknown;
      readFields(reader, 'JSONSchemaProps', (field, wireType) => {
        const read = fields[field];
        if (read === undefined) reader.skip(wireType);
        else value = read(reader, value);
      });
      return value;
    },
    undefined,
  );
}
