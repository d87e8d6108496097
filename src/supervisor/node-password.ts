import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Client } from '../client/client.ts';
import type { Secret } from '../generated/api/core/v1.ts';
import { nodes, secrets } from '../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../machinery/errors/status-error.ts';

/** Parameters that k3s writes. Source: k3s `pkg/nodepassword`, `pkg/authenticator/hash/scrypt.go`. */
const VERSION = '$1';
const LOG2_N = 15;
const R = 8;
const P = 1;
const KEY_BYTES = 64;
const SALT_BYTES = 8;
/** Where node passwords are kept. */
export const NODE_PASSWORD_NAMESPACE = 'kube-system';

/** A node name that another machine holds, by k3s's sentence. */
export class NodePasswordError extends Error {
  override readonly name = 'NodePasswordError';
}

export function secretNameOf(nodeName: string): string {
  return `${nodeName}.node-password.k3s`;
}

/**
 * Checks a node's password, and takes the name for it where nobody has it yet.
 *
 * @throws NodePasswordError where the name is taken with another password.
 */
export async function ensureNodePassword(client: Client, nodeName: string, password: string): Promise<void> {
  const key = { namespace: NODE_PASSWORD_NAMESPACE, name: secretNameOf(nodeName) };
  const stored = await readHash(client, key);
  if (stored === undefined) {
    try {
      await client.create(secrets, await toSecret(client, key, nodeName, password));
      return;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
  const hash = stored ?? (await readHash(client, key)) ?? '';
  if (!(await verifyHash(hash, password))) {
    throw new NodePasswordError(`unable to verify hash for node '${nodeName}': hash does not match`);
  }
}

async function readHash(client: Client, key: { namespace: string; name: string }): Promise<string | undefined> {
  try {
    const { data } = await client.get(secrets, key);
    return Buffer.from(data?.['hash'] ?? '', 'base64').toString('utf8');
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function toSecret(
  client: Client,
  key: { namespace: string; name: string },
  nodeName: string,
  password: string,
): Promise<Secret> {
  const node = await client.get(nodes, { name: nodeName }).catch(() => undefined);
  const owner =
    node === undefined ? [] : [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: node.metadata.uid ?? '' }];
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...key, ...(owner.length > 0 ? { ownerReferences: owner } : {}) },
    type: 'k3s.cattle.io/node-password',
    immutable: true,
    data: { hash: Buffer.from(await createHash(password)).toString('base64') },
  };
}

/** `$1:<salt>:15:8:1:<digest>`, the digest in base64 without padding. */
export async function createHash(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const digest = await derive(password, salt, { log2N: LOG2_N, r: R, p: P, bytes: KEY_BYTES });
  return [VERSION, salt.toString('hex'), LOG2_N, R, P, digest.toString('base64').replace(/=+$/, '')].join(':');
}

export async function verifyHash(hash: string, password: string): Promise<boolean> {
  const [version, salt = '', log2N, r, p, digest = ''] = hash.split(':');
  if (version !== VERSION) return false;
  const expected = Buffer.from(digest, 'base64');
  if (expected.length === 0) return false;
  const actual = await derive(password, Buffer.from(salt, 'hex'), {
    log2N: Number(log2N),
    r: Number(r),
    p: Number(p),
    bytes: expected.length,
  });
  return timingSafeEqual(actual, expected);
}

function derive(
  password: string,
  salt: Buffer,
  { log2N, r, p, bytes }: { log2N: number; r: number; p: number; bytes: number },
): Promise<Buffer> {
  const N = 2 ** log2N;
  // Node's default limit is just what these parameters need, and it must be more.
  const maxmem = 256 * N * r;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, { N, r, p, maxmem }, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
