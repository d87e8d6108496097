import type forge from 'node-forge';
import asn1 from 'node-forge/lib/asn1.js';

/** A node of a DER tree. Values are binary strings, as node-forge keeps them. */
export type Der = forge.asn1.Asn1;

// asn1.Class and asn1.Type are objects at run time, but constant enums for the compiler.
const UNIVERSAL = 0x00 as forge.asn1.Class;
const CONTEXT = 0x80 as forge.asn1.Class;
const tag = (type: number): forge.asn1.Type => type as forge.asn1.Type;

const make = (type: number, constructed: boolean, value: string | Der[]): Der =>
  asn1.create(UNIVERSAL, tag(type), constructed, value);

export const sequence = (...items: Der[]): Der => make(16, true, items);
export const set = (...items: Der[]): Der => make(17, true, items);
export const boolean = (value: boolean): Der => make(1, false, value ? '\xff' : '\x00');
export const octets = (bytes: Buffer): Der => make(4, false, bytes.toString('latin1'));
export const nothing = (): Der => make(5, false, '');
export const oid = (dotted: string): Der => make(6, false, asn1.oidToDer(dotted).getBytes());
export const utf8 = (text: string): Der => make(12, false, Buffer.from(text, 'utf8').toString('latin1'));
/** A bit string whose last byte has `unused` bits of no meaning. */
export const bits = (bytes: Buffer, unused = 0): Der =>
  make(3, false, String.fromCharCode(unused) + bytes.toString('latin1'));

/** A non-negative integer from its big-endian bytes. */
export function integer(bytes: Buffer): Der {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.subarray(start);
  const padded = ((trimmed[0] ?? 0) & 0x80) === 0 ? trimmed : Buffer.concat([Buffer.from([0]), trimmed]);
  return make(2, false, padded.toString('latin1'));
}

/** UTCTime before 2050, GeneralizedTime from then on. Source: RFC 5280, 4.1.2.5. */
export function time(ms: number): Der {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return new Date(ms).getUTCFullYear() < 2050 ? make(23, false, text.slice(2)) : make(24, false, text);
}

/** `[number]` around constructed content. */
export const explicit = (number: number, ...items: Der[]): Der => asn1.create(CONTEXT, tag(number), true, items);
/** `[number]` in place of the type of primitive bytes. */
export const implicit = (number: number, bytes: Buffer): Der =>
  asn1.create(CONTEXT, tag(number), false, bytes.toString('latin1'));

export function toBytes(der: Der): Buffer {
  return Buffer.from(asn1.toDer(der).getBytes(), 'latin1');
}

/** @throws Error where the bytes are no DER. */
export function fromBytes(bytes: Buffer): Der {
  return asn1.fromDer(bytes.toString('latin1'), true);
}

/** Parts of a constructed node; empty for a primitive one. */
export function parts(der: Der | undefined): readonly Der[] {
  return Array.isArray(der?.value) ? der.value : [];
}

/** Content bytes of a primitive node. */
export function content(der: Der | undefined): Buffer {
  return Buffer.from(typeof der?.value === 'string' ? der.value : '', 'latin1');
}

/** An object identifier in dotted form; empty for another type. */
export function dotted(der: Der | undefined): string {
  return der !== undefined && (der.type as number) === 6 ? asn1.derToOid(der.value as string) : '';
}

export function toPem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Every block of a kind in a PEM text, as DER. */
export function fromPem(label: string, text: string): Buffer[] {
  const pattern = new RegExp(`-----BEGIN ${label}-----([\\s\\S]*?)-----END ${label}-----`, 'g');
  return [...text.matchAll(pattern)].map((match) => Buffer.from(match[1] ?? '', 'base64'));
}
