import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../../../generated/api/core/v1.ts';

const bytesOf = ({ data }: Secret, key: string): Buffer => Buffer.from(data?.[key] ?? '', 'base64');

/** Warns of a TLS pair that does not fit, in Go's words. Source: crypto/tls (X509KeyPair). */
export function secretWarnings(secret: Secret): readonly string[] {
  if (secret.type !== 'kubernetes.io/tls') return [];
  const certificate = bytesOf(secret, 'tls.crt');
  const key = bytesOf(secret, 'tls.key');
  const fault = pairFault(certificate, key);
  return fault === undefined ? [] : [fault];
}

const NO_CERTIFICATE = 'tls: failed to find any PEM data in certificate input';
const NO_KEY = 'tls: failed to find any PEM data in key input';

function pairFault(certificatePem: Buffer, keyPem: Buffer): string | undefined {
  const certificateTypes = pemTypes(certificatePem);
  if (!certificateTypes.includes('CERTIFICATE')) {
    if (certificateTypes.length === 0) return NO_CERTIFICATE;
    if (certificateTypes.length === 1 && certificateTypes[0]?.endsWith('PRIVATE KEY'))
      return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
    return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [${certificateTypes.join(' ')}]`;
  }
  const keyTypes = pemTypes(keyPem);
  if (!keyTypes.some((type) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'))) {
    if (keyTypes.length === 0) return NO_KEY;
    if (keyTypes.length === 1 && keyTypes[0] === 'CERTIFICATE')
      return 'tls: found a certificate rather than a key in the PEM for the private key';
    return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [${keyTypes.join(' ')}]`;
  }
  return parsedFault(certificatePem, keyPem);
}

function parsedFault(certificatePem: Buffer, keyPem: Buffer): string | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certificatePem);
  } catch {
    return 'x509: malformed certificate';
  }
  try {
    const key = createPrivateKey(keyPem);
    if (key.asymmetricKeyType !== certificate.publicKey.asymmetricKeyType)
      return 'tls: private key type does not match public key type';
    return certificate.checkPrivateKey(key) ? undefined : 'tls: private key does not match public key';
  } catch {
    return 'tls: failed to parse private key';
  }
}

function pemTypes(pem: Buffer): string[] {
  return [...pem.toString('latin1').matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)].map(
    ([, type]) => type ?? '',
  );
}
