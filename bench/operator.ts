/**
 * The operator: from the creation of tenants to their readiness, and what many of them cost it.
 *
 * Real servers run under `warren up` (WARREN_BENCH_REAL, default 1 and 20 of them). For more, a node joins the host whose
 * pods only answer (WARREN_BENCH_TENANTS, default 1, 20, 100 and 500): that measures the operator and its host alone.
 */
import { execFileSync } from 'node:child_process';
import { startFaultProxy } from '../e2e/fault-proxy.ts';
import { OperatorLife, startOperatorHost } from '../e2e/operator-life.ts';
import { startWarrenUp } from '../e2e/warren-up.ts';
import { Client } from '../src/client/client.ts';
import { createHttpTransport } from '../src/client/http-transport.ts';
import { readKubeconfig } from '../src/client/kubeconfig.ts';
import { type VirtualCluster, virtualClusters } from '../src/operator/api/virtual-cluster.ts';
import { residentMb, show, wait } from './server-process.ts';

const numbers = (name: string, byDefault: string): number[] =>
  (process.env[name] ?? byDefault).split(',').filter(Boolean).map(Number);
const WATCHED_MS = 30_000;
const TIMEOUT_MS = 600_000;

interface Wave {
  readonly p50: number;
  readonly p95: number;
  readonly allMs: number;
}

/** Creates tenants at once, and measures for each the time until a watcher is told that it is Ready. */
async function createMany(client: Client, namespace: string, names: readonly string[], spec: object): Promise<Wave> {
  const created = new Map<string, number>();
  const took = new Map<string, number>();
  const abort = new AbortController();
  const started = performance.now();
  const { metadata } = await client.list(virtualClusters, { namespace });
  const watching = (async () => {
    const { resourceVersion } = metadata;
    for await (const { object } of client.watch(virtualClusters, {
      namespace,
      resourceVersion,
      signal: abort.signal,
    })) {
      const { name = '' } = (object as VirtualCluster).metadata;
      const since = created.get(name);
      if (since !== undefined && !took.has(name) && (object as VirtualCluster).status?.phase === 'Ready')
        took.set(name, performance.now() - since);
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

function showWave(what: string, count: number, { p50, p95, allMs }: Wave): void {
  show(
    `${count} ${what}, creation to Ready`,
    `p50 ${p50.toFixed(0)} ms`,
    `p95 ${p95.toFixed(0)} ms, all ${(allMs / 1000).toFixed(1)} s`,
  );
}

async function removeAll(client: Client, namespace: string): Promise<number> {
  const started = performance.now();
  await client.deleteCollection(virtualClusters, { namespace });
  while ((await client.list(virtualClusters, { namespace })).items.length > 0) await wait(100);
  return performance.now() - started;
}

async function measureReal(): Promise<void> {
  for (const count of numbers('WARREN_BENCH_REAL', '1,20')) {
    const up = await startWarrenUp({ args: ['--no-demo'] });
    try {
      const client = new Client(createHttpTransport(readKubeconfig(up.kubeconfig)));
      const names = Array.from({ length: count }, (_, index) => `real-${index}`);
      showWave('real tenants', count, await createMany(client, 'default', names, {}));
      await wait(10_000);
      const sizes = tenantSizes(up.folder);
      const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
      show(
        'resident memory of a tenant',
        `${mean.toFixed(0)} MB`,
        `mean of ${sizes.length}, 10 s after the last was ready`,
      );
    } finally {
      await up[Symbol.asyncDispose]();
    }
  }
}

/** Resident sizes of the servers whose data is below the folder, in MB. */
function tenantSizes(folder: string): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8', maxBuffer: 1e8 }).split('\n');
  return lines
    .filter((line) => line.includes(folder) && / server /.test(line))
    .map((line) => residentMb(Number.parseInt(line, 10)));
}

async function measureSimulated(): Promise<void> {
  await using host = await startOperatorHost();
  await using proxy = await startFaultProxy(host.access, { rate: 0, random: Math.random });
  const operator = await OperatorLife.start(host, {
    via: proxy,
    nodeFlags: (process.env['WARREN_BENCH_NODE'] ?? '').split(' ').filter(Boolean),
  });
  const spec = { exposure: { hosts: [host.tenantHost] } };
  // The renewal of the lease is the same whatever there is to do.
  const calls = (): number => proxy.calls.total - proxy.calls.leases;
  try {
    await untilItLeads(operator);
    for (const count of numbers('WARREN_BENCH_TENANTS', '1,20,100,500')) {
      const names = Array.from({ length: count }, (_, index) => `bench-${index}`);
      const before = calls();
      showWave('simulated tenants', count, await createMany(host.client, 'tenants', names, spec));
      show('calls of the operator to the host', `${((calls() - before) / count).toFixed(1)} a tenant`);
      await measureRest(operator, calls, count);
      const removedMs = await removeAll(host.client, 'tenants');
      show('taken down', `${(removedMs / 1000).toFixed(1)} s`);
    }
  } finally {
    await operator.end();
  }
}

/** What tenants cost that nobody changes. */
async function measureRest(operator: OperatorLife, calls: () => number, count: number): Promise<void> {
  await wait(10_000);
  const before = { calls: calls(), reconciles: await reconcilesOf(operator), cpuMs: cpuMsOf(operator.pid) };
  await wait(WATCHED_MS);
  const reconciles = (await reconcilesOf(operator)) - before.reconciles;
  const made = calls() - before.calls;
  show(
    `at rest with ${count}`,
    `${residentMb(operator.pid).toFixed(0)} MB`,
    `${((cpuMsOf(operator.pid) - before.cpuMs) / (WATCHED_MS / 100)).toFixed(1)} % of a core, ${(reconciles / (WATCHED_MS / 1000)).toFixed(1)} reconciles/s, ${(made / Math.max(1, reconciles)).toFixed(3)} calls to the host each`,
  );
}

async function untilItLeads(operator: OperatorLife): Promise<void> {
  for (;;) {
    const text = await operator.metrics().catch(() => '');
    if (/leader_election_master_status\{[^}]*\} 1/.test(text)) return wait(1_000);
    await wait(100);
  }
}

async function reconcilesOf(operator: OperatorLife): Promise<number> {
  const lines = (await operator.metrics())
    .split('\n')
    .filter((line) => line.startsWith('controller_runtime_reconcile_total{'));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

function cpuMsOf(pid: number): number {
  const [text = '0'] = execFileSync('ps', ['-o', 'cputimes=', '-p', String(pid)], { encoding: 'utf8' }).split('\n');
  return Number(text) * 1000;
}

await measureReal();
await measureSimulated();
