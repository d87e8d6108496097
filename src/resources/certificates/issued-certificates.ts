import { X509Certificate } from 'node:crypto';
import { quoteGo } from '../../machinery/errors/field-error.ts';
import { readPemBlocks } from './pem-blocks.ts';

/** What is wrong with certificates in PEM; none at all is fine. Source: certificates/validation (validateCertificate). */
export function certificateFault(pem: Buffer): string | undefined {
  if (pem.length === 0) return undefined;
  const blocks = readPemBlocks(pem);
  for (const { type, hasHeaders, bytes } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${quoteGo(type)}`;
    if (hasHeaders) return 'no PEM block headers are permitted';
    if (bytes.length === 0) return 'found CERTIFICATE PEM block containing 0 certificates';
    try {
      new X509Certificate(bytes);
    } catch {
      return 'x509: malformed certificate';
    }
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}
