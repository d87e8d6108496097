import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { PkiFiles } from './bundle.ts';

/** What makes a tenant the one that it is: its authorities, and the token by which its datastore is opened. */
export interface TenantIdentity {
  readonly files: PkiFiles;
  /** The join token in full form. */
  readonly token: string;
  /** The token of agents, where it is another one. */
  readonly agentToken?: string | undefined;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A key for {@link sealIdentity}: 32 random bytes in hex. */
export function newSealKey(): string {
  return randomBytes(32).toString('hex');
}

/** An identity that only the holder of the key reads: it may stand in a log. */
export function sealIdentity(identity: TenantIdentity, key: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'hex'), nonce);
  const sealed = Buffer.concat([nonce, cipher.update(JSON.stringify(identity)), cipher.final(), cipher.getAuthTag()]);
  return sealed.toString('base64');
}

/** @throws Error where the key is another one, or the text was changed. */
export function openIdentity(text: string, key: string): TenantIdentity {
  const sealed = Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(key, 'hex'), sealed.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const body = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  return JSON.parse(body.toString('utf8')) as TenantIdentity;
}
