import type { VirtualCluster } from '../operator/api/virtual-cluster.ts';
import { systemClock } from '../std/clock.ts';
import { type Host, readCluster } from './host.ts';
import { UserError } from './user-error.ts';

/**
 * Waits until a VirtualCluster is as wished, and tells each new reason why it is not.
 *
 * @throws UserError after the time is over, with what is missing.
 */
export async function waitFor(
  host: Host,
  name: string,
  wish: {
    readonly what: string;
    readonly timeoutSeconds: number;
    readonly isTrue: (cluster: VirtualCluster) => boolean;
  },
): Promise<VirtualCluster> {
  const endMs = systemClock.nowMs() + wish.timeoutSeconds * 1000;
  let last = '';
  for (;;) {
    const cluster = await readCluster(host, name);
    if (wish.isTrue(cluster)) return cluster;
    const ready = cluster.status?.conditions?.find((condition) => condition.type === 'Ready');
    if (systemClock.nowMs() > endMs) {
      throw new UserError(
        `${name} is not ${wish.what} after ${wish.timeoutSeconds} s: ${ready?.message ?? 'the operator has not taken it up; is it running?'}`,
      );
    }
    if (ready?.message && ready.status !== 'True' && ready.message !== last)
      process.stderr.write(`${name}: ${ready.message}\n`);
    last = ready?.message ?? last;
    // A timer of the clock would let the process end; this one is what the command lives for.
    await new Promise((resolve) => globalThis.setTimeout(resolve, 200));
  }
}

/** Whether the operator has seen the newest wish and the tenant serves. */
export function isReady({ metadata, status }: VirtualCluster): boolean {
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) return false;
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}

/** Whether its servers run what was wished last; other things that are wished may wait still. */
export function hasRolledOut({ status }: VirtualCluster): boolean {
  return !status?.conditions?.some(({ type, reason }) => type === 'UpToDate' && reason === 'RollingOut');
}
