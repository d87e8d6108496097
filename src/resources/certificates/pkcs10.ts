import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { DerFault, identifierOf, readElements, readSequence } from './der-reader.ts';
import { readPemBlocks } from './pem-blocks.ts';

interface SignatureRule {
  readonly keyType: 'rsa' | 'ec' | 'ed25519';
  readonly hash: string | null;
  readonly isPss?: boolean;
}

/** By the digits of their object identifiers. Source: Go crypto/x509 (signatureAlgorithmDetails). */
const signatureRules: Readonly<Record<string, SignatureRule>> = {
  '2a864886f70d010105': { keyType: 'rsa', hash: 'sha1' },
  '2a864886f70d01010b': { keyType: 'rsa', hash: 'sha256' },
  '2a864886f70d01010c': { keyType: 'rsa', hash: 'sha384' },
  '2a864886f70d01010d': { keyType: 'rsa', hash: 'sha512' },
  '2a8648ce3d0401': { keyType: 'ec', hash: 'sha1' },
  '2a8648ce3d040302': { keyType: 'ec', hash: 'sha256' },
  '2a8648ce3d040303': { keyType: 'ec', hash: 'sha384' },
  '2a8648ce3d040304': { keyType: 'ec', hash: 'sha512' },
  '2b6570': { keyType: 'ed25519', hash: null },
};
const RSA_PSS = '2a864886f70d01010a';
const MD5_RSA = '2a864886f70d010104';
const pssHashes: Readonly<Record<string, string>> = {
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

const algorithmNames = { rsa: 'RSA', ec: 'ECDSA', ed25519: 'Ed25519' } as const;
const goKeyTypes: Readonly<Record<string, string>> = {
  rsa: '*rsa.PublicKey',
  ec: '*ecdsa.PublicKey',
  ed25519: 'ed25519.PublicKey',
};
const failures = {
  rsa: 'crypto/rsa: verification error',
  ec: 'x509: ECDSA verification failure',
  ed25519: 'x509: Ed25519 verification failure',
} as const;
const UNIMPLEMENTED = 'x509: cannot verify signature: algorithm unimplemented';

/**
 * What is wrong with a certificate request in PEM: its form, or that it is not signed with its own key.
 *
 * Source: pkg/apis/certificates/helpers.go (ParseCSR); Go crypto/x509 (ParseCertificateRequest, CheckSignature).
 */
export function requestFault(pem: Buffer): string | undefined {
  const [block] = readPemBlocks(pem);
  if (block?.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  try {
    return derFault(block.bytes);
  } catch (error) {
    if (error instanceof DerFault) return error.message;
    throw error;
  }
}

function derFault(der: Buffer): string | undefined {
  const outer = readSequence(der, 'certificateRequest');
  if (outer.bytes.length < der.length) return 'asn1: syntax error: trailing data';
  const info = readSequence(outer.body, 'tbsCertificateRequest');
  const algorithm = readSequence(outer.body.subarray(info.bytes.length), 'AlgorithmIdentifier');
  const [, , signature] = readElements(outer.body);
  const [, , keyInfo] = readElements(info.body);
  if (signature?.tag !== 3 || keyInfo?.tag !== 16) return 'asn1: syntax error: sequence truncated';
  const key = readKey(keyInfo.bytes);
  if (key === undefined) return 'x509: unsupported public key';
  const [identifier, parameters] = readElements(algorithm.body);
  const rule = ruleOf(identifierOf(identifier), parameters?.bytes);
  if (typeof rule === 'string') return rule;
  return signatureFault(info.bytes, signature.body.subarray(1), key, rule);
}

function readKey(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

function ruleOf(identifier: string, parameters: Buffer | undefined): SignatureRule | string {
  if (identifier === MD5_RSA) return 'x509: cannot verify signature: insecure algorithm MD5-RSA';
  if (identifier !== RSA_PSS) return signatureRules[identifier] ?? UNIMPLEMENTED;
  const digits = parameters?.toString('hex') ?? '';
  const hash = Object.keys(pssHashes).find((oid) => digits.includes(oid));
  return hash === undefined ? UNIMPLEMENTED : { keyType: 'rsa', hash: pssHashes[hash] ?? null, isPss: true };
}

function signatureFault(
  signed: Buffer,
  signature: Buffer,
  key: KeyObject,
  { keyType, hash, isPss }: SignatureRule,
): string | undefined {
  const found = key.asymmetricKeyType ?? '';
  if (found !== keyType) {
    const shown = goKeyTypes[found] ?? '<nil>';
    return `x509: signature algorithm specifies an ${algorithmNames[keyType]} public key, but have public key of type ${shown}`;
  }
  const padding = isPss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO } : {};
  try {
    return verify(hash, signed, { key, ...padding }, signature) ? undefined : failures[keyType];
  } catch {
    return failures[keyType];
  }
}
