import type { Client } from '../client/client.ts';
import type { Informers } from '../client/informers.ts';
import type { Node } from '../generated/api/core/v1.ts';
import { configmaps, nodes } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { type AnyObject, keyOf, type ResourceType } from '../machinery/object/object.ts';
import { whenAborted } from '../std/abort.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { coreDnsObjects } from './bundled/coredns.ts';

export interface CoreDnsOptions {
  readonly client: Client;
  readonly informers: Informers;
  /** Address of the DNS Service. */
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const FIELD_MANAGER = 'warren-addons';
const RETRY_MS = 5_000;
const CONFIG_MAP = { namespace: 'kube-system', name: 'coredns' };

/**
 * Deploys cluster DNS once the cluster has a node, and keeps the names of nodes in it, until aborted. A cluster without
 * nodes is left empty: nothing could run there.
 */
export async function runCoreDns(options: CoreDnsOptions, signal: AbortSignal): Promise<void> {
  const { informers, clock, logger } = options;
  const nodeInformer = informers.for(nodes);
  let deployed = false;
  let busy = false;
  let again = false;
  const act = async (): Promise<void> => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      do {
        again = false;
        const all = nodeInformer.list();
        if (all.length === 0 && !deployed) continue;
        if (!deployed) await deploy(options, all, signal);
        deployed = true;
        await writeNodeHosts(options, all, signal);
      } while (again);
    } catch (error) {
      if (!signal.aborted) {
        logger.warn('cluster DNS is not up to date, trying again', { error });
        clock.after(RETRY_MS, () => void act());
      }
    } finally {
      busy = false;
    }
  };
  const stop = nodeInformer.addHandler({
    added: () => void act(),
    updated: (next, previous) => void (addressOf(next) === addressOf(previous) ? undefined : act()),
    deleted: () => void act(),
  });
  await whenAborted(signal);
  stop();
}

async function deploy(
  { client, clusterDns, clusterDomain }: CoreDnsOptions,
  all: readonly Node[],
  signal: AbortSignal,
): Promise<void> {
  for (const { type, object } of coreDnsObjects({ clusterDns, clusterDomain, nodeHosts: toNodeHosts(all) })) {
    await client.patch(type as ResourceType<AnyObject>, keyOf(object), object, {
      type: 'apply',
      force: true,
      fieldManager: FIELD_MANAGER,
      signal,
    });
  }
}

async function writeNodeHosts({ client }: CoreDnsOptions, all: readonly Node[], signal: AbortSignal): Promise<void> {
  const NodeHosts = toNodeHosts(all);
  try {
    const present = await client.get(configmaps, CONFIG_MAP, { signal });
    if (present.data?.['NodeHosts'] === NodeHosts) return;
    await client.patch(configmaps, CONFIG_MAP, { data: { NodeHosts } }, { type: 'merge', signal });
  } catch (error) {
    // Removed by the user: it is theirs to bring back.
    if (!isNotFound(error)) throw error;
  }
}

/** One line a node, sorted by address. Source: k3s `pkg/node/controller.go` (updateCoreDNSConfigMap). */
export function toNodeHosts(all: readonly Node[]): string {
  return all
    .map((node) => ({ address: addressOf(node), name: node.metadata.name ?? '' }))
    .filter(({ address }) => address !== '')
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.name < b.name ? -1 : 1))
    .map(({ address, name }) => `${address} ${name}\n`)
    .join('');
}

function addressOf(node: Node): string {
  return node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
}
