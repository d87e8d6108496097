import { createHash, hash as hashOf, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Client } from '../client/client.ts';
import { nodes, secrets } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import type { Clock } from '../std/clock.ts';
import { bootstrapTokenOf, type Caller } from './caller.ts';
import { NODE_PASSWORD_NAMESPACE, secretNameOf } from './node-password.ts';

/** Annotation of a node's password: by which bootstrap token it came, as `id:salt:digest`. */
const JOINED_BY = 'warren.dev/joined-by';
/** Agents ask for everything within seconds. */
const PROOF_MS = 60_000;
/** What agents read before they say which node they are; nothing in it is secret. */
const OPEN = new Set(['/v1-k3s/config', '/v1-k3s/client-ca.crt', '/v1-k3s/server-ca.crt']);
/** Where they show their node's password. */
const OF_NODE = new Set(['/v1-k3s/serving-kubelet.crt', '/v1-k3s/client-kubelet.crt']);
/** What they ask for last, again without saying who they are. */
const SHARED = ['/v1-k3s/client-kube-proxy.crt', '/v1-k3s/client-k3s-controller.crt'];

/**
 * Lets agents before 1.28 start again whose bootstrap token has expired or was revoked since they joined. They show
 * nothing but this token at each start, and the password of their node, which stands in for it: newer agents show the
 * certificate of their node (docs/design/0005-tokens-that-are-gone.md).
 */
export class ReturningMachines {
  readonly #client: () => Client | undefined;
  readonly #clock: Clock;
  /** Who has shown a node's password a moment ago, and what they have not fetched since. */
  readonly #proofs = new Map<string, { readonly untilMs: number; readonly left: Set<string> }>();

  constructor(options: { client(): Client | undefined; readonly clock: Clock }) {
    this.#client = options.client;
    this.#clock = options.clock;
  }

  /** Writes down by which token a node has come: nothing from which the token could be had. */
  async record(client: Client, nodeName: string, token: string): Promise<void> {
    const key = { namespace: NODE_PASSWORD_NAMESPACE, name: secretNameOf(nodeName) };
    const { metadata } = await client.get(secrets, key);
    if (isDigestOf(metadata.annotations?.[JOINED_BY], token)) return;
    const annotations = { [JOINED_BY]: toDigest(token, randomBytes(16).toString('hex')) };
    await client.patch(secrets, key, { metadata: { annotations } }, { type: 'merge' });
  }

  /** Who asks with a token that is no longer good; undefined where it was nobody's, or may not ask for this. */
  async identify(request: IncomingMessage, path: string): Promise<Caller | undefined> {
    const client = this.#client();
    const token = bootstrapTokenOf(request);
    if (client === undefined || token === undefined) return undefined;
    const caller: Caller = { name: 'node', groups: [], returnsBy: token };
    if (OF_NODE.has(path)) return caller;
    if (OPEN.has(path)) return (await this.#isKnown(client, token)) ? caller : undefined;
    const proof = this.#proofs.get(proofKey(token, request));
    if (proof === undefined || proof.untilMs < this.#clock.nowMs()) return undefined;
    return proof.left.delete(path) ? caller : undefined;
  }

  /** Whether a node that is still there has come by the token. */
  async hasCome(client: Client, nodeName: string, token: string): Promise<boolean> {
    const key = { namespace: NODE_PASSWORD_NAMESPACE, name: secretNameOf(nodeName) };
    try {
      await client.get(nodes, { name: nodeName });
      return isDigestOf((await client.get(secrets, key)).metadata.annotations?.[JOINED_BY], token);
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** The caller has shown the password of such a node: it may have the certificates that all machines share, once each. */
  prove(token: string, request: IncomingMessage): void {
    const nowMs = this.#clock.nowMs();
    for (const [key, { untilMs }] of this.#proofs) if (untilMs < nowMs) this.#proofs.delete(key);
    this.#proofs.set(proofKey(token, request), { untilMs: nowMs + PROOF_MS, left: new Set(SHARED) });
  }

  async #isKnown(client: Client, token: string): Promise<boolean> {
    const { items } = await client.list(secrets, { namespace: NODE_PASSWORD_NAMESPACE, resourceVersion: '0' });
    return items.some(({ metadata }) => isDigestOf(metadata.annotations?.[JOINED_BY], token));
  }
}

function proofKey(token: string, { socket }: IncomingMessage): string {
  return `${hashOf('sha256', token)} ${socket.remoteAddress ?? ''}`;
}

function toDigest(token: string, salt: string): string {
  const id = token.slice(0, token.indexOf('.'));
  // The secret of a token has 82 random bits: nobody tries them all, however quick the hash.
  return [id, salt, createHash('sha256').update(`${salt}:${token}`).digest('hex')].join(':');
}

function isDigestOf(recorded: string | undefined, token: string): boolean {
  const [id, salt, digest] = recorded?.split(':') ?? [];
  if (recorded === undefined || salt === undefined || digest === undefined || !token.startsWith(`${id}.`)) return false;
  const [left, right] = [Buffer.from(recorded), Buffer.from(toDigest(token, salt))];
  return left.length === right.length && timingSafeEqual(left, right);
}
