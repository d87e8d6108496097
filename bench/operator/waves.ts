/** Many tenants at once, from their creation to their readiness. */
import type { Client } from '../../src/client/client.ts';
import {
  type VirtualCluster,
  type VirtualClusterSpec,
  virtualClusters,
} from '../../src/operator/api/virtual-cluster.ts';
import { show, wait } from '../server-process.ts';

const TIMEOUT_MS = 1_800_000;

export interface Wave {
  readonly p50: number;
  readonly p95: number;
  readonly allMs: number;
}

/** Creates tenants at once, and measures for each the time until a watcher is told that it is Ready. */
export async function createMany(
  client: Client,
  namespace: string,
  names: readonly string[],
  spec: VirtualClusterSpec = {},
): Promise<Wave> {
  const created = new Map<string, number>();
  const took = new Map<string, number>();
  const abort = new AbortController();
  const started = performance.now();
  const take = ({ metadata: { name = '' }, status }: VirtualCluster): void => {
    const since = created.get(name);
    if (since !== undefined && !took.has(name) && status?.phase === 'Ready') took.set(name, performance.now() - since);
  };
  const watching = (async () => {
    while (!abort.signal.aborted) {
      const { items, metadata } = await client.list(virtualClusters, { namespace });
      items.forEach(take);
      const { resourceVersion } = metadata;
      const events = client.watch(virtualClusters, { namespace, resourceVersion, signal: abort.signal });
      // A watch that ends is begun anew.
      await (async () => {
        for await (const { object } of events) take(object as VirtualCluster);
      })().catch(() => {});
    }
  })().catch(() => {});
  await Promise.all(
    names.map(async (name) => {
      created.set(name, performance.now());
      await client.create(virtualClusters, { metadata: { namespace, name }, spec } as VirtualCluster);
    }),
  );
  while (took.size < names.length) {
    if (performance.now() - started > TIMEOUT_MS) throw new Error(`${took.size} of ${names.length} are ready`);
    await wait(20);
  }
  const allMs = performance.now() - started;
  abort.abort();
  await watching;
  const sorted = [...took.values()].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), allMs };
}

export function showWave(what: string, count: number, { p50, p95, allMs }: Wave): void {
  show(
    `${count} ${what}, creation to Ready`,
    `p50 ${p50.toFixed(0)} ms`,
    `p95 ${p95.toFixed(0)} ms, all ${(allMs / 1000).toFixed(1)} s`,
  );
}

export async function removeAll(client: Client, namespace: string): Promise<number> {
  const started = performance.now();
  await client.deleteCollection(virtualClusters, { namespace });
  while ((await client.list(virtualClusters, { namespace })).items.length > 0) await wait(100);
  return performance.now() - started;
}
