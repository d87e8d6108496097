import { escapeAsGo } from '../../machinery/codecs/json/go-text.ts';
import type { AnyObject } from '../../machinery/object/object.ts';

/** Metadata fields that stand before resourceVersion in upstream's JSON. */
const BEFORE_REVISION = ['name', 'generateName', 'namespace', 'selfLink', 'uid'] as const;

/** An object as text, with the place where its resourceVersion goes. */
export interface ObjectBytes {
  /** JSON without resourceVersion. */
  readonly bytes: Buffer;
  /** Where resourceVersion is put in. */
  readonly at: number;
}

/** {@link ObjectBytes}, and the value to store: upstream's encoder ends objects with a line break. */
export interface EncodedObject extends ObjectBytes {
  readonly value: Buffer;
}

/**
 * Turns an object into JSON once. The order of kind, apiVersion and metadata, and of the first metadata fields, is
 * upstream's; resourceVersion is left out, since the datastore gives it.
 */
export function toBytes(object: AnyObject): EncodedObject {
  const { kind, apiVersion, metadata, ...rest } = object;
  const first: Record<string, unknown> = {};
  const later: Record<string, unknown> = {};
  for (const field of BEFORE_REVISION) if (metadata[field] !== undefined) first[field] = metadata[field];
  for (const [field, value] of Object.entries(metadata)) {
    if (field === 'resourceVersion' || field in first || value === undefined) continue;
    later[field] = value;
  }
  const firstText = JSON.stringify(first).slice(1, -1);
  const laterText = escapeAsGo(JSON.stringify(later)).slice(1, -1);
  const restText = escapeAsGo(JSON.stringify(rest)).slice(1, -1);
  const before = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":{${firstText}`;
  const between = firstText !== '' && laterText !== '' ? ',' : '';
  const value = Buffer.from(`${before}${between}${laterText}}${restText === '' ? '' : `,${restText}`}}\n`);
  return { value, bytes: value.subarray(0, -1), at: Buffer.byteLength(before) };
}

const OPTIONAL_FIELDS = BEFORE_REVISION.map((field) => `(?:,?"${field}":"[^"\\\\]*")?`).join('');
/** What {@link toBytes} begins with, where no text in it needs an escape and all that stands before the revision is there. */
const BEGINNING = new RegExp(
  `^\\{"kind":"([^"\\\\]*)","apiVersion":"([^"\\\\]*)","metadata":\\{${OPTIONAL_FIELDS}(?!,?"(?:${BEFORE_REVISION.join('|')}|resourceVersion)":)`,
);
/** Long enough for every name that Kubernetes allows. */
const BEGINNING_BYTES = 1_200;

/**
 * The same for a value of the datastore, without encoding it again where it was written by {@link toBytes}.
 * @param object - What the value was decoded to. It may have been converted; then its own encoding counts.
 */
export function toBytesOf(value: Buffer, object: AnyObject): ObjectBytes {
  // Latin-1 has a character for each byte, so the length of the match is a length in bytes.
  const found = value[value.length - 1] === 0x0a && BEGINNING.exec(value.toString('latin1', 0, BEGINNING_BYTES));
  if (!found || found[1] !== object.kind || found[2] !== object.apiVersion) return toBytes(object);
  return { bytes: value.subarray(0, -1), at: found[0].length };
}

/** JSON with the resourceVersion in place, and where its digits are. */
export function withRevision(
  { bytes, at }: ObjectBytes,
  revision: bigint,
): { json: Buffer; start: number; end: number } {
  const digits = revision.toString();
  // 0x7b is the brace that opens metadata: nothing stands before then.
  const lead = bytes[at - 1] === 0x7b ? '' : ',';
  // 0x2c: a comma follows already. 0x7d: metadata ends here.
  const trail = lead === '' && bytes[at] !== 0x7d && bytes[at] !== 0x2c ? ',' : '';
  const field = `${lead}"resourceVersion":"${digits}"${trail}`;
  // Memory of its own: these bytes live long, and in Node's pool each would hold on to its short-lived neighbours.
  const json = Buffer.allocUnsafeSlow(bytes.length + field.length);
  bytes.copy(json, 0, 0, at);
  json.write(field, at, 'latin1');
  bytes.copy(json, at + field.length, at);
  return { json, start: at, end: at + field.length };
}
