import { generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { type Authority, createAuthority, crossSign, loadAuthority } from './certificate.ts';
import { parseKey, toKeyPem } from './keys.ts';

/** PEM texts of a cluster's identity by file name; the names are k3s's, below `server/tls`. */
export type PkiFiles = Readonly<Record<string, string>>;

/** Everything that makes up a cluster's identity: lose it, and every machine and token is lost. */
export interface Pki {
  /** Signs serving certificates, those of kubelets too. Its PEM bytes are what join tokens pin. */
  readonly server: Authority;
  /** Signs client certificates. */
  readonly client: Authority;
  /** Signs the front proxy's certificate for aggregated APIs. */
  readonly requestHeader: Authority;
  /** Signs service account tokens. */
  readonly serviceAccountKey: KeyObject;
}

const AUTHORITIES = ['server-ca', 'client-ca', 'request-header-ca'] as const;
const SERVICE_KEY = 'service.key';

/**
 * Makes a new identity. The token key is RSA-2048 as in k3s, so that anything that reads k3s's keys reads ours; it is
 * generated beside the event loop, since it takes 50 to 300 ms.
 */
export async function createPkiFiles(nowMs: number): Promise<PkiFiles> {
  const seconds = Math.floor(nowMs / 1000);
  const files: Record<string, string> = {};
  for (const name of AUTHORITIES) {
    const authority = createAuthority(`k3s-${name}@${seconds}`, { nowMs });
    files[`${name}.crt`] = authority.certPem;
    files[`${name}.key`] = toKeyPem(authority.key);
  }
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  files[SERVICE_KEY] = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  return files;
}

/**
 * The same identity with new authorities: each comes with a certificate that its predecessor has signed, and with the
 * predecessor itself, so that machines that have joined and users go on with what they have until it ends. Join tokens
 * pin the authorities: those of before do not fit any more. The key of service account tokens stays.
 */
export function rotateAuthorities(files: PkiFiles, nowMs: number): PkiFiles {
  const seconds = Math.floor(nowMs / 1000);
  const next: Record<string, string> = { ...files };
  const present = loadPki(files);
  const before = {
    'server-ca': present.server,
    'client-ca': present.client,
    'request-header-ca': present.requestHeader,
  };
  for (const name of AUTHORITIES) {
    const older = before[name];
    const authority = createAuthority(`k3s-${name}@${seconds}`, { nowMs });
    // The signed one first: of two that fit, some programs take the first and look no further.
    next[`${name}.crt`] = crossSign(authority, older) + authority.certPem + rootOf(older);
    next[`${name}.key`] = toKeyPem(authority.key);
  }
  return next;
}

/** An authority's own certificate without those around it: of a rotated one, the second. */
function rootOf({ certPem }: Authority): string {
  const all = certPem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g) ?? [];
  const own = all.find((pem) => {
    const certificate = new X509Certificate(pem);
    return certificate.checkIssued(certificate);
  });
  const pem = own ?? all[0] ?? certPem;
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}

/** @throws Error that names the file that is missing or broken. */
export function loadPki(files: PkiFiles): Pki {
  const authority = (name: string): Authority => {
    const certPem = files[`${name}.crt`];
    const keyPem = files[`${name}.key`];
    if (!certPem) throw new Error(`${name}.crt is missing`);
    if (!keyPem) throw new Error(`${name}.key is missing`);
    return loadAuthority(certPem, keyPem, name);
  };
  const serviceKey = files[SERVICE_KEY];
  if (!serviceKey) throw new Error(`${SERVICE_KEY} is missing`);
  return {
    server: authority('server-ca'),
    client: authority('client-ca'),
    requestHeader: authority('request-header-ca'),
    serviceAccountKey: parseKey(serviceKey, SERVICE_KEY),
  };
}

/** Names of the files that {@link loadPki} needs. */
export const PKI_FILE_NAMES: readonly string[] = [
  ...AUTHORITIES.flatMap((name) => [`${name}.crt`, `${name}.key`]),
  SERVICE_KEY,
];
