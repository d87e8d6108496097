import type { Client } from '../client/client.ts';
import type { Informers } from '../client/informers.ts';
import type { Node, Secret } from '../generated/api/core/v1.ts';
import { nodes, secrets } from '../generated/resource-types.ts';
import { isConflict, isNotFound } from '../machinery/errors/status-error.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { NODE_PASSWORD_NAMESPACE, secretNameOf } from './node-password.ts';

export interface NodePasswordsOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Source: k3s `pkg/nodepassword` (the sweep of newer versions). */
const SWEEP_PERIOD_MS = 60_000;
const ORPHAN_AGE_MS = 10 * 60_000;
const SUFFIX = secretNameOf('');

/**
 * Frees a node's name when the node is deleted, so that a wiped machine may come back under it.
 *
 * A password is there before its Node is: an agent shows it first and registers later. Once the Node appears it becomes
 * the owner, which leaves the deletion to the garbage collector even where this program does not run at that moment.
 * Passwords of machines that never registered go after ten minutes.
 *
 * @returns how to stop.
 */
export function releaseNodePasswords(options: NodePasswordsOptions): () => void {
  const { client, informers, clock, logger } = options;
  const attempt = (nodeName: string, work: Promise<void>): void => {
    work.catch((error: unknown) => {
      // Somebody else was quicker, which is as good.
      if (!isNotFound(error) && !isConflict(error)) logger.warn('a node password was not kept up', { nodeName, error });
    });
  };
  const lister = informers.for(nodes);
  const adopt = (node: Node): void => attempt(nameOf(node), adoptPassword(client, node));
  const release = (node: Node): void => attempt(nameOf(node), releasePassword(client, node));
  const unfollow = lister.addHandler({
    added: adopt,
    updated(next, previous) {
      if (next.metadata.uid === previous.metadata.uid) return;
      release(previous);
      adopt(next);
    },
    deleted: release,
  });
  const sweep = clock.every(SWEEP_PERIOD_MS, () => attempt('', sweepOrphans(options)));
  return () => {
    unfollow();
    sweep.cancel();
  };
}

async function adoptPassword(client: Client, node: Node): Promise<void> {
  const secret = await client.get(secrets, keyOf(nameOf(node)));
  if (secret.metadata.ownerReferences?.some(({ uid }) => uid === node.metadata.uid)) return;
  const { uid, resourceVersion } = secret.metadata;
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: nameOf(node), uid: node.metadata.uid }];
  await client.patch(
    secrets,
    keyOf(nameOf(node)),
    { metadata: { uid, resourceVersion, ownerReferences } },
    { type: 'merge' },
  );
}

/** A new machine may have taken the name already: its password is younger than the Node that went, or has another owner. */
async function releasePassword(client: Client, node: Node): Promise<void> {
  const { metadata } = await client.get(secrets, keyOf(nameOf(node)));
  const owners = metadata.ownerReferences ?? [];
  const belongs =
    owners.length > 0
      ? owners.some(({ uid }) => uid === node.metadata.uid)
      : (metadata.creationTimestamp ?? '') <= (node.metadata.creationTimestamp ?? '');
  if (belongs) await removeSecret(client, { metadata });
}

async function sweepOrphans({ client, informers, clock }: NodePasswordsOptions): Promise<void> {
  const lister = informers.for(nodes);
  if (!lister.hasSynced) return;
  const { items } = await client.list(secrets, { namespace: NODE_PASSWORD_NAMESPACE });
  for (const secret of items) {
    const { name = '', creationTimestamp = '' } = secret.metadata;
    if (!name.endsWith(SUFFIX) || lister.get(name.slice(0, -SUFFIX.length)) !== undefined) continue;
    if (clock.nowMs() - Date.parse(creationTimestamp) > ORPHAN_AGE_MS) await removeSecret(client, secret);
  }
}

async function removeSecret(client: Client, { metadata }: Pick<Secret, 'metadata'>): Promise<void> {
  const { name = '', uid, resourceVersion } = metadata ?? {};
  await client.delete(
    secrets,
    { namespace: NODE_PASSWORD_NAMESPACE, name },
    { preconditions: { uid, resourceVersion } },
  );
}

const nameOf = (node: Node): string => node.metadata.name ?? '';
const keyOf = (nodeName: string) => ({ namespace: NODE_PASSWORD_NAMESPACE, name: secretNameOf(nodeName) });
