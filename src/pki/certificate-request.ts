import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bits,
  content,
  type Der,
  dotted,
  explicit,
  fromBytes,
  fromPem,
  integer,
  oid,
  parts,
  sequence,
  toBytes,
  toPem,
} from './der.ts';
import { type DistinguishedName, nameFromDer, nameToDer } from './distinguished-name.ts';

/** What a PKCS#10 request asks for. */
export interface CertificateRequest extends DistinguishedName {
  readonly publicKey: KeyObject;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';

const digests: Record<string, string> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
};

/**
 * Reads a request in DER or PEM and checks that its sender holds the key.
 *
 * @throws Error where it is malformed or its signature is wrong.
 */
export function parseCertificateRequest(bytes: Buffer): CertificateRequest {
  const [fromText] = fromPem('(?:NEW )?CERTIFICATE REQUEST', bytes.toString('latin1'));
  const der = fromText ?? bytes;
  const [info, algorithm, signature] = parts(fromBytes(der));
  const [, subject, spki, attributes] = parts(info);
  if (info === undefined || spki === undefined) throw new Error('the certificate request is malformed');
  const publicKey = createPublicKey({ key: toBytes(spki), format: 'der', type: 'spki' });
  checkSignature(toBytes(info), dotted(parts(algorithm)[0]), signature, publicKey);
  return { ...nameFromDer(subject), publicKey, ...altNames(attributes) };
}

function checkSignature(signed: Buffer, algorithm: string, signature: Der | undefined, publicKey: KeyObject): void {
  const { bitStringContents } = (signature ?? {}) as { bitStringContents?: string };
  const bytes = Buffer.from(bitStringContents ?? (signature?.value as string) ?? '', 'latin1').subarray(1);
  const digest = digests[algorithm] ?? (publicKey.asymmetricKeyType === 'ed25519' ? null : undefined);
  if (digest === undefined)
    throw new Error(`the certificate request is signed with ${algorithm}, which is not supported`);
  if (!verify(digest, signed, publicKey, bytes)) throw new Error('the signature of the certificate request is wrong');
}

function altNames(
  attributes: Der | undefined,
): Pick<CertificateRequest, 'dnsNames' | 'ipAddresses' | 'emailAddresses' | 'uris'> {
  const request = parts(attributes).find((each) => dotted(parts(each)[0]) === EXTENSION_REQUEST);
  const extensions = parts(parts(parts(request)[1])[0]);
  const found = extensions.find((each) => dotted(parts(each)[0]) === SUBJECT_ALT_NAME);
  const names = found === undefined ? [] : parts(fromBytes(content(parts(found).at(-1))));
  const ofTag = (tag: number): string[] =>
    names.filter((name) => (name.type as number) === tag).map((name) => content(name).toString('latin1'));
  const ipAddresses = names.filter((name) => (name.type as number) === 7).map((name) => toIpText(content(name)));
  return { emailAddresses: ofTag(1), dnsNames: ofTag(2), uris: ofTag(6), ipAddresses };
}

function toIpText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  const text = groups.join(':');
  return isIP(text) === 6 ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
}

/** Makes a request for a key, in DER; what a machine that joins sends. */
export function createCertificateRequest(key: KeyObject, name: DistinguishedName): Buffer {
  const spki = fromBytes(createPublicKey(key).export({ type: 'spki', format: 'der' }));
  const info = sequence(integer(Buffer.from([0])), nameToDer(name), spki, explicit(0));
  const signature = sign('sha256', toBytes(info), key);
  return toBytes(sequence(info, sequence(oid('1.2.840.10045.4.3.2')), bits(signature)));
}

export function toRequestPem(der: Buffer): string {
  return toPem('CERTIFICATE REQUEST', der);
}
