import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { openSecretbox, SECRETBOX_NONCE_BYTES, sealSecretbox } from './secretbox.ts';

/** What every encrypted value begins with; nothing else may. Source: apiserver `storage/value/encrypt`. */
export const ENCRYPTED = Buffer.from('k8s:enc:');

/** Turns values into what is stored under a key, and back. */
export interface Provider {
  /** What values of this provider and key begin with; empty for the one that leaves values as they are. */
  readonly prefix: Buffer;
  seal(value: Buffer, storageKey: string): Buffer;
  /** @throws Error where the value was made with another key. */
  open(payload: Buffer, storageKey: string): Buffer;
}

export type Cipher = 'aescbc' | 'aesgcm' | 'secretbox';

/** Leaves values as they are. */
export const identity: Provider = { prefix: Buffer.alloc(0), seal: (value) => value, open: (payload) => payload };

/** @param key - 16, 24 or 32 bytes for AES, 32 for secretbox. @throws Error for another length. */
export function createProvider(cipher: Cipher, name: string, key: Buffer): Provider {
  const lengths = cipher === 'secretbox' ? [32] : [16, 24, 32];
  if (!lengths.includes(key.length))
    throw new Error(`the key ${name} of ${cipher} has ${key.length} bytes, and needs ${lengths.join(', ')}`);
  const prefix = Buffer.from(`k8s:enc:${cipher}:v1:${name}:`);
  return { prefix, ...makers[cipher](key) };
}

const makers: Readonly<Record<Cipher, (key: Buffer) => Omit<Provider, 'prefix'>>> = {
  aescbc: (key) => {
    const algorithm = `aes-${key.length * 8}-cbc`;
    return {
      seal(value) {
        const iv = randomBytes(16);
        const cipher = createCipheriv(algorithm, key, iv);
        return Buffer.concat([iv, cipher.update(value), cipher.final()]);
      },
      open(payload) {
        const cipher = createDecipheriv(algorithm, key, payload.subarray(0, 16));
        return Buffer.concat([cipher.update(payload.subarray(16)), cipher.final()]);
      },
    };
  },
  aesgcm: (key) => {
    const algorithm = `aes-${(key.length * 8) as 128 | 192 | 256}-gcm` as const;
    return {
      seal(value, storageKey) {
        const nonce = randomBytes(12);
        // The key of the row is authenticated too: a value cannot be moved to another row.
        const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(storageKey));
        return Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
      },
      open(payload, storageKey) {
        const cipher = createDecipheriv(algorithm, key, payload.subarray(0, 12)).setAAD(Buffer.from(storageKey));
        cipher.setAuthTag(payload.subarray(-16));
        return Buffer.concat([cipher.update(payload.subarray(12, -16)), cipher.final()]);
      },
    };
  },
  secretbox: (key) => ({
    seal(value) {
      const nonce = randomBytes(SECRETBOX_NONCE_BYTES);
      return Buffer.concat([nonce, sealSecretbox(value, nonce, key)]);
    },
    open: (payload) =>
      openSecretbox(payload.subarray(SECRETBOX_NONCE_BYTES), payload.subarray(0, SECRETBOX_NONCE_BYTES), key),
  }),
};
