import type { AnyObject } from '../../machinery/object/object.ts';

/** Metadata fields that stand before resourceVersion in upstream's JSON. */
const BEFORE_REVISION = ['name', 'generateName', 'namespace', 'selfLink', 'uid'] as const;

/** An object as text, with the place where its resourceVersion goes. */
export interface ObjectBytes {
  /** JSON without resourceVersion. */
  readonly bytes: Buffer;
  /** Where it is put in; a comma has to follow where `comma` says so, or to lead where `lead` does. */
  readonly at: number;
}

/**
 * Turns an object into JSON once. The order of kind, apiVersion and metadata, and of the first metadata fields, is
 * upstream's; resourceVersion is left out, since the datastore gives it.
 */
export function toBytes(object: AnyObject): ObjectBytes {
  const { kind, apiVersion, metadata, ...rest } = object;
  const first: Record<string, unknown> = {};
  const later: Record<string, unknown> = {};
  for (const field of BEFORE_REVISION) if (metadata[field] !== undefined) first[field] = metadata[field];
  for (const [field, value] of Object.entries(metadata)) {
    if (field === 'resourceVersion' || field in first || value === undefined) continue;
    later[field] = value;
  }
  const head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":{`;
  const firstText = JSON.stringify(first).slice(1, -1);
  const laterText = JSON.stringify(later).slice(1, -1);
  const restText = JSON.stringify(rest).slice(1, -1);
  const between = firstText !== '' && laterText !== '' ? ',' : '';
  const tail = `${between}${laterText}}${restText === '' ? '' : `,${restText}`}}`;
  const before = Buffer.from(head + firstText);
  return { bytes: Buffer.concat([before, Buffer.from(tail)]), at: before.length };
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
  const json = Buffer.allocUnsafe(bytes.length + field.length);
  bytes.copy(json, 0, 0, at);
  json.write(field, at, 'latin1');
  bytes.copy(json, at + field.length, at);
  return { json, start: at, end: at + field.length };
}
