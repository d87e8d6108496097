/** One element of DER. `bytes` is all of it, `body` what is inside. */
export interface DerElement {
  readonly tagClass: number;
  readonly tag: number;
  readonly isCompound: boolean;
  readonly bytes: Buffer;
  readonly body: Buffer;
}

/** Thrown with the words of Go's encoding/asn1. */
export class DerFault extends Error {}

const syntaxFault = (what: string): DerFault => new DerFault(`asn1: syntax error: ${what}`);

/** Reads the first element. @throws DerFault */
export function readElement(bytes: Buffer): DerElement {
  const [first, second] = bytes;
  if (first === undefined) throw syntaxFault('sequence truncated');
  if (second === undefined) throw syntaxFault('truncated tag or length');
  let start = 2;
  let length = second;
  if (second & 0x80) {
    const size = second & 0x7f;
    if (size === 0) throw syntaxFault('indefinite length found (not DER)');
    if (bytes.length < 2 + size) throw syntaxFault('truncated tag or length');
    if (size > 4) throw new DerFault('asn1: structure error: length too large');
    length = bytes.readUIntBE(2, size);
    start = 2 + size;
  }
  if (bytes.length < start + length) throw syntaxFault('data truncated');
  return {
    tagClass: first >> 6,
    tag: first & 0x1f,
    isCompound: (first & 0x20) !== 0,
    bytes: bytes.subarray(0, start + length),
    body: bytes.subarray(start, start + length),
  };
}

/** Reads what is inside of a sequence. @throws DerFault */
export function readElements(bytes: Buffer): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const element = readElement(rest);
    elements.push(element);
    rest = rest.subarray(element.bytes.length);
  }
  return elements;
}

/** A sequence, or Go's complaint that it is none. @param name - Go's name of what should be there. @throws DerFault */
export function readSequence(bytes: Buffer, name: string): DerElement {
  const element = readElement(bytes);
  if (element.tagClass === 0 && element.tag === 16 && element.isCompound) return element;
  const found = `{class:${element.tagClass} tag:${element.tag} length:${element.body.length} isCompound:${element.isCompound}}`;
  const wanted =
    '{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false}';
  const at = element.bytes.length - element.body.length;
  throw new DerFault(`asn1: structure error: tags don't match (16 vs ${found}) ${wanted} ${name} @${at}`);
}

/** An object identifier as hexadecimal digits, enough to compare. */
export const identifierOf = (element: DerElement | undefined): string =>
  element !== undefined && element.tag === 6 ? element.body.toString('hex') : '';
