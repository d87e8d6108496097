import type { Client } from '../client/client.ts';
import type { Informers } from '../client/informers.ts';
import type { Node } from '../generated/api/core/v1.ts';
import { nodes, secrets } from '../generated/resource-types.ts';
import { isConflict, isNotFound } from '../machinery/errors/status-error.ts';
import { JOIN_TOKEN, JOIN_TOKEN_LABEL, readJoinLimits, readUsedBy, USED_BY } from '../pki/join-limits.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Caller } from './caller.ts';

/** A machine may not join: the message goes to its log. */
export class NodeRefusedError extends Error {
  override readonly name = 'NodeRefusedError';
}

const NAMESPACE = 'kube-system';
const BOOTSTRAP_CALLER = /^system:bootstrap:([a-z0-9]{6})$/;
/** Annotation of a Node: the token that its labels and taints came from, so that they are given once. */
const JOINED_WITH = 'warren.dev/joined-with';
/** A Node that is older has what it shall have: what its users took away must not come back. */
const FRESH_MS = 15 * 60_000;

/**
 * Lets a machine have certificates for a name, and counts the name where it comes with a token that may be used so often.
 * A name that was counted once may come again.
 *
 * @param options.maxNodes - How many nodes the cluster may have; absent: any number.
 * @throws NodeRefusedError where the token was used up, or the cluster is full.
 */
export async function admitNode(
  client: Client,
  { caller, nodeName, maxNodes }: { caller: Caller; nodeName: string; maxNodes?: number | undefined },
): Promise<void> {
  if (maxNodes !== undefined) await checkRoom(client, nodeName, maxNodes);
  const id = BOOTSTRAP_CALLER.exec(caller.name)?.[1];
  if (id !== undefined) await countUse(client, id, nodeName);
}

async function checkRoom(client: Client, nodeName: string, maxNodes: number): Promise<void> {
  const { items } = await client.list(nodes, { resourceVersion: '0' });
  if (items.length < maxNodes || items.some(({ metadata }) => metadata.name === nodeName)) return;
  throw new NodeRefusedError(`the cluster may have ${maxNodes} nodes, and has them: delete one, or ask for more`);
}

async function countUse(client: Client, id: string, nodeName: string): Promise<void> {
  const key = { namespace: NAMESPACE, name: `bootstrap-token-${id}` };
  for (;;) {
    const { metadata } = await client.get(secrets, key);
    if (metadata.annotations?.[JOIN_TOKEN] === undefined) return;
    const usedBy = readUsedBy(metadata.annotations);
    if (usedBy.includes(nodeName)) return;
    const { maxUses } = readJoinLimits(metadata.annotations);
    if (maxUses !== undefined && usedBy.length >= maxUses)
      throw new NodeRefusedError(`the join token is good for ${maxUses} machines, and was used by so many`);
    const annotations = { [USED_BY]: JSON.stringify([...usedBy, nodeName]) };
    try {
      const { resourceVersion } = metadata;
      await client.patch(secrets, key, { metadata: { resourceVersion, annotations } }, { type: 'merge' });
      return;
    } catch (error) {
      // Of machines that come at once, each counts.
      if (!isConflict(error)) throw error;
    }
  }
}

/**
 * Gives nodes that have just registered the labels and taints of the token that they came with, each once. Until a
 * kubelet is ready no pod is placed on its node, so that nothing slips in before.
 *
 * @returns how to stop.
 */
export function labelJoinedNodes(options: {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
}): () => void {
  const { client, informers, clock, logger } = options;
  return informers.for(nodes).addHandler({
    added: (node: Node) => {
      const ageMs = clock.nowMs() - Date.parse(node.metadata.creationTimestamp ?? '');
      if (ageMs > FRESH_MS || node.metadata.annotations?.[JOINED_WITH] !== undefined) return;
      label(client, node).catch((error: unknown) =>
        logger.warn('a node has not got what its token says', { node: node.metadata.name, error }),
      );
    },
  });
}

async function label(client: Client, { metadata: { name = '' } }: Node): Promise<void> {
  const { items } = await client.list(secrets, { namespace: NAMESPACE, labelSelector: JOIN_TOKEN_LABEL });
  const token = items.find(({ metadata }) => readUsedBy(metadata.annotations).includes(name));
  if (token === undefined) return;
  const { labels = {}, taints = [] } = readJoinLimits(token.metadata.annotations);
  const annotations = { [JOINED_WITH]: token.metadata.annotations?.[JOIN_TOKEN] ?? '' };
  for (;;) {
    try {
      const { metadata, spec } = await client.get(nodes, { name });
      if (metadata.annotations?.[JOINED_WITH] !== undefined) return;
      const present = spec.taints ?? [];
      const missing = taints.filter(
        ({ key, effect }) => !present.some((each) => each.key === key && each.effect === effect),
      );
      const { resourceVersion } = metadata;
      const patch = {
        metadata: { resourceVersion, labels, annotations },
        ...(missing.length === 0 ? {} : { spec: { taints: [...present, ...missing] } }),
      };
      await client.patch(nodes, { name }, patch, { type: 'merge' });
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isConflict(error)) throw error;
    }
  }
}
