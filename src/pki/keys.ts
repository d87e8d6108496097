import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A new P-256 key, the kind that k3s uses for everything but token signing. */
export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** SEC1 PEM (`EC PRIVATE KEY`) for an EC key, as k3s writes them; PKCS#8 for others. */
export function toKeyPem(key: KeyObject): string {
  const type = key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs8';
  return key.export({ type, format: 'pem' }).toString();
}

/** @throws Error that names what the PEM was for. */
export function parseKey(pem: string, what: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error(`${what} is not a private key in PEM form`, { cause });
  }
}
