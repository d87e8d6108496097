import { hash as hashOf, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
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

/** Deriving a key takes 32 MiB and 60 ms of a core: machines that come all at once wait for each other. */
const MAX_DERIVATIONS = 2;
/** Nodes whose last good password is remembered. */
const MAX_REMEMBERED = 1_000;

/** The passwords by which machines prove that a node name is theirs. */
export class NodePasswords {
  /** What was right last time, as digest by stored hash: an agent shows its password twice in a row, at each start. */
  readonly #good = new Map<string, string>();
  readonly #waiting: (() => void)[] = [];
  #free = MAX_DERIVATIONS;

  /**
   * Checks a node's password, and takes the name for it where nobody has it yet.
   *
   * @throws NodePasswordError where the name is taken with another password.
   */
  async ensure(client: Client, nodeName: string, password: string): Promise<void> {
    const key = { namespace: NODE_PASSWORD_NAMESPACE, name: secretNameOf(nodeName) };
    const stored = await readHash(client, key);
    if (stored === undefined) {
      const hash = await this.#inTurn(() => createHash(password));
      try {
        await client.create(secrets, await toSecret(client, key, nodeName, hash));
        this.#remember(hash, password);
        return;
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
    }
    const hash = stored ?? (await readHash(client, key)) ?? '';
    if (this.#good.get(hash) === digestOf(password)) return;
    if (!(await this.#inTurn(() => verifyHash(hash, password)))) {
      throw new NodePasswordError(`unable to verify password for node ${nodeName}: hash does not match`);
    }
    this.#remember(hash, password);
  }

  #remember(hash: string, password: string): void {
    const [oldest] = this.#good.keys();
    if (this.#good.size >= MAX_REMEMBERED && oldest !== undefined) this.#good.delete(oldest);
    this.#good.set(hash, digestOf(password));
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

function digestOf(password: string): string {
  return hashOf('sha256', password);
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
  hash: string,
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
    data: { hash: Buffer.from(hash).toString('base64') },
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
