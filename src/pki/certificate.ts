import { createHash, createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bits,
  boolean,
  content,
  type Der,
  dotted,
  explicit,
  fromBytes,
  fromPem,
  implicit,
  integer,
  nothing,
  octets,
  oid,
  parts,
  sequence,
  time,
  toBytes,
  toPem,
} from './der.ts';
import { type DistinguishedName, nameFromDer, nameToDer } from './distinguished-name.ts';
import { newKey, parseKey, toKeyPem } from './keys.ts';

export const DAY_MS = 24 * 3600 * 1000;
/** Machines whose clocks are behind by less join a cluster that was just made. Leaves begin when their authority does. */
const CLOCK_SKEW_MS = 3600 * 1000;

const OIDS = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  rsaWithSha256: '1.2.840.113549.1.1.11',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** Whoever signs: its certificates (the signer first, then those above it) and its key. */
export interface Authority {
  readonly certPem: string;
  readonly key: KeyObject;
}

export interface Subject extends DistinguishedName {
  readonly usages: readonly ('client' | 'server')[];
  /** DNS names and IP addresses, mixed. */
  readonly names?: readonly string[] | undefined;
}

/**
 * A new self-signed authority with k3s's properties: P-256, ten years, serial 0.
 *
 * Source: rancher/dynamiclistener `cert.NewSelfSignedCACert`.
 */
export function createAuthority(
  commonName: string,
  options: { readonly nowMs: number; readonly days?: number },
): Authority {
  const key = newKey();
  const subject = nameToDer({ commonName, organizations: [] });
  const publicKey = createPublicKey(key);
  const keyId = keyIdOf(publicKey);
  const extensions = [
    extension(OIDS.keyUsage, true, bits(Buffer.from([0b1010_0100]), 2)),
    extension(OIDS.basicConstraints, true, sequence(boolean(true))),
    extension(OIDS.subjectKeyId, false, octets(keyId)),
  ];
  const certificate = assemble({
    serial: Buffer.from([0]),
    issuer: subject,
    subject,
    notBeforeMs: options.nowMs - CLOCK_SKEW_MS,
    notAfterMs: options.nowMs + (options.days ?? 3650) * DAY_MS,
    publicKey,
    extensions,
    signer: key,
  });
  return { certPem: toPem('CERTIFICATE', certificate), key };
}

/**
 * A certificate of `authority` that an older one signs, so that whoever trusts the older one trusts what the newer one
 * issues, where this certificate comes with it.
 */
export function crossSign(authority: Authority, older: Authority): string {
  const own = new X509Certificate(authority.certPem);
  const signer = readCertificate(new X509Certificate(older.certPem).raw);
  const publicKey = createPublicKey(authority.key);
  const extensions = [
    extension(OIDS.keyUsage, true, bits(Buffer.from([0b1010_0100]), 2)),
    extension(OIDS.basicConstraints, true, sequence(boolean(true))),
    extension(OIDS.subjectKeyId, false, octets(keyIdOf(publicKey))),
  ];
  if (signer.keyId !== undefined)
    extensions.push(extension(OIDS.authorityKeyId, false, sequence(implicit(0, signer.keyId))));
  const serial = randomBytes(8);
  serial.writeUInt8(serial.readUInt8(0) & 0x7f, 0);
  const certificate = assemble({
    serial,
    issuer: signer.subject,
    subject: readCertificate(own.raw).subject,
    notBeforeMs: Date.parse(own.validFrom),
    notAfterMs: Date.parse(own.validTo),
    publicKey,
    extensions,
    signer: older.key,
  });
  return toPem('CERTIFICATE', certificate);
}

/** @throws Error that names what is wrong with which of the two. */
export function loadAuthority(certPem: string, keyPem: string, what: string): Authority {
  const key = parseKey(keyPem, `${what} key`);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certPem);
  } catch (cause) {
    throw new Error(`${what} certificate is not a certificate in PEM form`, { cause });
  }
  if (!certificate.checkPrivateKey(key)) throw new Error(`${what} certificate and key do not belong together`);
  return { certPem, key };
}

export interface IssueOptions {
  readonly nowMs: number;
  /** Default 365. */
  readonly days?: number | undefined;
  /** Key to certify. Left out, a new one is made. */
  readonly publicKey?: KeyObject | undefined;
  /**
   * What the key may be used for, as certificate requests spell it, and with it the basic constraints of a leaf, as
   * kube-controller-manager signs. Default: signatures and encipherment without constraints, as k3s signs.
   */
  readonly keyUsages?: readonly string[] | undefined;
}

/** Bits of the extension by the usages of certificate requests. Source: `k8s.io/api/certificates/v1` (KeyUsage). */
const usageBits: Readonly<Record<string, number>> = {
  signing: 0,
  'digital signature': 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
};

function usageExtensions(usages: readonly string[] | undefined): Der[] {
  if (usages === undefined) return [extension(OIDS.keyUsage, true, bits(Buffer.from([0b1010_0000]), 5))];
  const wanted = usages.flatMap((usage) => usageBits[usage] ?? []);
  const last = Math.max(0, ...wanted);
  const octetsOfBits = Buffer.alloc((last >> 3) + 1);
  for (const bit of wanted) octetsOfBits[bit >> 3] = (octetsOfBits[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  const constraints = extension(OIDS.basicConstraints, true, sequence());
  if (wanted.length === 0) return [constraints];
  return [extension(OIDS.keyUsage, true, bits(octetsOfBits, 7 - (last & 7))), constraints];
}

export interface Issued {
  /** The leaf alone. */
  readonly certPem: string;
  /** The leaf with the signer's certificates behind it, as k3s writes `.crt` files. */
  readonly chainPem: string;
  /** The new key; absent where the caller brought its own. */
  readonly keyPem?: string | undefined;
}

/**
 * Issues a leaf with k3s's properties: random 63-bit serial, usages, names, no basic constraints.
 * It never outlives its authority.
 *
 * Source: rancher/dynamiclistener `cert.NewSignedCert`.
 */
export function issueCertificate(authority: Authority, subject: Subject, options: IssueOptions): Issued {
  const ownKey = options.publicKey === undefined ? newKey() : undefined;
  const publicKey = options.publicKey ?? createPublicKey(ownKey as KeyObject);
  const signer = new X509Certificate(authority.certPem);
  const signerFields = readCertificate(signer.raw);
  const signerEndsMs = Date.parse(signer.validTo);
  const serial = randomBytes(8);
  serial.writeUInt8(serial.readUInt8(0) & 0x7f, 0);
  const extensions = [
    ...usageExtensions(options.keyUsages),
    extension(OIDS.extendedKeyUsage, false, sequence(...subject.usages.map((usage) => oid(OIDS[`${usage}Auth`])))),
  ];
  if (signerFields.keyId !== undefined) {
    extensions.push(extension(OIDS.authorityKeyId, false, sequence(implicit(0, signerFields.keyId))));
  }
  if (subject.names?.length)
    extensions.push(extension(OIDS.subjectAltName, false, sequence(...subject.names.map(toAltName))));
  const certificate = assemble({
    serial,
    issuer: signerFields.subject,
    subject: nameToDer(subject),
    // As k3s: valid from the authority's beginning, so that a machine whose clock lags a little can join.
    notBeforeMs: Date.parse(signer.validFrom),
    notAfterMs: Math.min(options.nowMs + (options.days ?? 365) * DAY_MS, signerEndsMs),
    publicKey,
    extensions,
    signer: authority.key,
  });
  const certPem = toPem('CERTIFICATE', certificate);
  return {
    certPem,
    chainPem: certPem + authority.certPem,
    ...(ownKey === undefined ? {} : { keyPem: toKeyPem(ownKey) }),
  };
}

/** The subject of a certificate in DER. */
export function subjectOf(certificate: Buffer): DistinguishedName {
  return nameFromDer(readCertificate(certificate).subject);
}

/** When a PEM certificate (the first of a chain) ends, in milliseconds since the epoch. */
export function endsMs(certPem: string): number {
  return Date.parse(new X509Certificate(certPem).validTo);
}

/** Certificates of a PEM bundle in DER. */
export function certificatesOf(bundlePem: string): Buffer[] {
  return fromPem('CERTIFICATE', bundlePem);
}

interface Parts {
  readonly serial: Buffer;
  readonly issuer: Der;
  readonly subject: Der;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Der[];
  readonly signer: KeyObject;
}

/** Source: RFC 5280, 4.1. */
function assemble(fields: Parts): Buffer {
  const rsa = fields.signer.asymmetricKeyType === 'rsa';
  const algorithm = rsa ? sequence(oid(OIDS.rsaWithSha256), nothing()) : sequence(oid(OIDS.ecdsaWithSha256));
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(fields.serial),
    algorithm,
    fields.issuer,
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    fields.subject,
    fromBytes(fields.publicKey.export({ type: 'spki', format: 'der' })),
    explicit(3, sequence(...fields.extensions)),
  );
  const signature = sign('sha256', toBytes(body), fields.signer);
  return toBytes(sequence(body, algorithm, bits(signature)));
}

function extension(id: string, critical: boolean, value: Der): Der {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(toBytes(value)));
}

function toAltName(name: string): Der {
  const family = isIP(name);
  if (family === 0) return implicit(2, Buffer.from(name, 'latin1'));
  return implicit(7, family === 4 ? Buffer.from(name.split('.').map(Number)) : ipv6Bytes(name));
}

function ipv6Bytes(address: string): Buffer {
  const [left = '', right] = address.replace(/%.*$/, '').split('::');
  const groups = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap((group) => (group.includes('.') ? embeddedIpv4(group) : [Number.parseInt(group, 16)]));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  const bytes = Buffer.alloc(16);
  [...head, ...zeros, ...tail].forEach((group, index) => {
    bytes.writeUInt16BE(group, index * 2);
  });
  return bytes;
}

function embeddedIpv4(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

/** SHA-1 of the bits of the key. Source: RFC 5280, 4.2.1.2 (1). */
function keyIdOf(publicKey: KeyObject): Buffer {
  const [, key] = parts(fromBytes(publicKey.export({ type: 'spki', format: 'der' })));
  return createHash('sha1').update(bitsOf(key)).digest();
}

/** node-forge takes bit strings apart where they look like DER; the original bytes are what counts. */
function bitsOf(der: Der | undefined): Buffer {
  const { bitStringContents } = der as Der & { bitStringContents?: string };
  return Buffer.from(bitStringContents ?? (der?.value as string), 'latin1').subarray(1);
}

function readCertificate(raw: Buffer): { subject: Der; keyId: Buffer | undefined } {
  const fields = parts(parts(fromBytes(raw))[0]);
  const subject = fields[5];
  if (subject === undefined) throw new Error('the certificate has no subject');
  const extensions = parts(
    parts(fields.find((field) => (field.tagClass as number) === 0x80 && (field.type as number) === 3))[0],
  );
  const found = extensions.find((each) => dotted(parts(each)[0]) === OIDS.subjectKeyId);
  const value = found === undefined ? undefined : content(parts(found).at(-1));
  return { subject, keyId: value === undefined ? undefined : content(fromBytes(value)) };
}
