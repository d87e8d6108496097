import { createCipheriv, createDecipheriv, createHash, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { PkiFiles } from '../pki/bundle.ts';

/** Where k3s keeps the identity of a cluster, encrypted with the password of its token. */
export const BOOTSTRAP_PREFIX = '/bootstrap/';

/** Source: k3s `pkg/cluster/encrypt.go`. */
const ITERATIONS = 4096;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** k3s's names of the files that make up the identity. Source: k3s `pkg/daemons/config/types.go` (ControlRuntimeBootstrap). */
const FIELDS: Readonly<Record<string, string>> = {
  ServerCA: 'server-ca.crt',
  ServerCAKey: 'server-ca.key',
  ClientCA: 'client-ca.crt',
  ClientCAKey: 'client-ca.key',
  RequestHeaderCA: 'request-header-ca.crt',
  RequestHeaderCAKey: 'request-header-ca.key',
  ServiceKey: 'service.key',
};

const ENCRYPTION_FIELD = 'EncryptionConfig';

/** What a datastore holds of a cluster's identity. */
export interface BootstrapData {
  readonly files: PkiFiles;
  /** The configuration of encryption at rest, where the cluster has one. */
  readonly encryptionConfig: string | undefined;
  /** All files in base64 under k3s's names, those too that only a k3s has a use for. */
  readonly fields: Readonly<Record<string, string>>;
}

const derive = promisify(pbkdf2);

/** The key under which a password's data lies. Source: k3s `pkg/cluster/storage.go` (storageKey). */
export function bootstrapKey(password: string): string {
  return BOOTSTRAP_PREFIX + createHash('sha256').update(password).digest('hex').slice(0, 12);
}

/** The fields of an identity that is new. */
export function toBootstrapFields(files: PkiFiles, encryptionConfig?: string): Record<string, string> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const fields = Object.entries(FIELDS).map(([field, name]) => [field, base64(files[name] ?? '')] as const);
  return {
    ...Object.fromEntries(fields),
    ...(encryptionConfig === undefined ? {} : { [ENCRYPTION_FIELD]: base64(encryptionConfig) }),
  };
}

/** Encrypts an identity in the form that every k3s reads; those since v1.22 bring it into their newer form themselves. */
export async function sealBootstrapData(fields: Readonly<Record<string, string>>, password: string): Promise<Buffer> {
  const salt = randomBytes(8).toString('hex');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', await derive(password, salt, ITERATIONS, KEY_BYTES, 'sha1'), nonce);
  const text = `${JSON.stringify(fields)}\n`;
  const sealed = Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  return Buffer.from(`${salt}:${sealed.toString('base64')}`);
}

/** @throws Error where the password is another one, or the data is damaged. */
export async function openBootstrapData(value: Buffer, password: string): Promise<BootstrapData> {
  const [salt = '', encoded = ''] = value.toString('utf8').split(':');
  const sealed = Buffer.from(encoded, 'base64');
  const key = await derive(password, salt, ITERATIONS, KEY_BYTES, 'sha1');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const text = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  const told = JSON.parse(text.toString('utf8')) as Record<string, string | { readonly Content?: string }>;
  const fields: Record<string, string> = {};
  for (const [field, found] of Object.entries(told)) {
    // Since v1.22 each file comes with the time of its change.
    fields[field] = typeof found === 'object' ? (found.Content ?? '') : found;
  }
  const read = (field: string): string | undefined =>
    fields[field] ? Buffer.from(fields[field], 'base64').toString('utf8') : undefined;
  const files: Record<string, string> = {};
  for (const [field, name] of Object.entries(FIELDS)) {
    const content = read(field);
    if (content !== undefined) files[name] = content;
  }
  return { files, encryptionConfig: read(ENCRYPTION_FIELD), fields };
}

/** The same data under another password, whatever a k3s has put in. @throws Error as {@link openBootstrapData} */
export async function resealBootstrapData(value: Buffer, passwords: { from: string; to: string }): Promise<Buffer> {
  const [salt = '', encoded = ''] = value.toString('utf8').split(':');
  const sealed = Buffer.from(encoded, 'base64');
  const key = await derive(passwords.from, salt, ITERATIONS, KEY_BYTES, 'sha1');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const text = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  const newSalt = randomBytes(8).toString('hex');
  const nonce = randomBytes(NONCE_BYTES);
  const newKey = await derive(passwords.to, newSalt, ITERATIONS, KEY_BYTES, 'sha1');
  const cipher = createCipheriv('aes-256-gcm', newKey, nonce);
  const resealed = Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  return Buffer.from(`${newSalt}:${resealed.toString('base64')}`);
}
