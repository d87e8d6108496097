import type { Client } from '../client/client.ts';
import { nodes } from '../generated/resource-types.ts';
import { isConflict, isNotFound } from '../machinery/errors/status-error.ts';
import type { AwayNode, Observed } from './observed.ts';

/** The machines that have been away for longer than the tenant keeps their Nodes. */
export function lostNodes({ spec, tenant, nowMs }: Pick<Observed, 'spec' | 'tenant' | 'nowMs'>): AwayNode[] {
  const { removeNodesAfterMs: limitMs } = spec;
  if (limitMs === undefined || limitMs === 0) return [];
  return (tenant?.away ?? []).filter(({ sinceMs }) => nowMs - sinceMs > limitMs);
}

/** Deletes the Node of a lost machine, unless it came back this moment. @returns whether it is gone by this. */
export async function removeNode(tenant: Client, { name, uid, resourceVersion }: AwayNode, signal: AbortSignal) {
  try {
    await tenant.delete(nodes, { name }, { preconditions: { uid, resourceVersion }, signal });
    return true;
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return false;
    throw error;
  }
}
