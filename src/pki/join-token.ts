import { createHash, randomBytes } from 'node:crypto';

/** A join token taken apart. `caHash` and `user` are empty in the short form. */
export interface JoinToken {
  readonly caHash: string;
  readonly user: string;
  readonly password: string;
  /** `id.secret` of a bootstrap token. */
  readonly bootstrap: boolean;
}

const BOOTSTRAP = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

/** Whether a password has the form of a bootstrap token. */
export function isBootstrapToken(text: string): boolean {
  return BOOTSTRAP.test(text);
}

/** SHA-256 of the very bytes that `/cacerts` serves. Source: k3s `pkg/clientaccess/token.go` (hashCA). */
export function caHash(caPem: string): string {
  return createHash('sha256').update(caPem).digest('hex');
}

/** The full form, which pins the authority. */
export function formatJoinToken(caPem: string, user: string, password: string): string {
  return `K10${caHash(caPem)}::${user}:${password}`;
}

/** 16 random bytes in hex, as k3s generates passwords. */
export function newPassword(): string {
  return randomBytes(16).toString('hex');
}

/**
 * Reads any form of a token. @throws Error with k3s's sentence.
 *
 * Source: k3s `pkg/clientaccess/token.go` (parseToken).
 */
export function parseJoinToken(text: string): JoinToken {
  const token = text.trim();
  if (token === '') throw new Error('token must not be empty');
  if (!token.startsWith('K10')) return { caHash: '', user: '', password: token, bootstrap: isBootstrapToken(token) };
  const rest = token.slice(3);
  const separator = rest.indexOf('::');
  if (separator < 0) throw new Error('invalid token format');
  const hash = rest.slice(0, separator);
  if (hash.length !== 0 && hash.length !== 64) throw new Error('invalid token CA hash length');
  const credentials = rest.slice(separator + 2);
  if (isBootstrapToken(credentials)) return { caHash: hash, user: '', password: credentials, bootstrap: true };
  const colon = credentials.indexOf(':');
  if (colon < 0) throw new Error('invalid token format');
  return { caHash: hash, user: credentials.slice(0, colon), password: credentials.slice(colon + 1), bootstrap: false };
}
