import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { type Authority, createAuthority, loadAuthority } from './certificate.ts';
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
