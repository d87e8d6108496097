/**
 * The operator: from the creation of tenants to their readiness, and what many of them cost it.
 *
 * `--real=1,20` (default): so many real servers run under `warren up`. `--tenants=1,20,100,500` (default): for more, a
 * node joins the host whose pods only answer; that measures the operator and its host alone, and with the last number
 * also restarts, changes and changes of leaders. An empty list leaves a part out. `--kubeconfig=FILE` takes a cluster that
 * is there as the host of the simulated ones. Needs Linux.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FaultProxy, startFaultProxy } from '../e2e/fault-proxy.ts';
import { type OperatorHost, OperatorLife, startOperatorHost } from '../e2e/operator-life.ts';
import { startWarrenUp } from '../e2e/warren-up.ts';
import { Client } from '../src/client/client.ts';
import { createHttpTransport } from '../src/client/http-transport.ts';
import { readKubeconfig } from '../src/client/kubeconfig.ts';
import { measureDaily } from './operator/daily.ts';
import {
  callsSince,
  cpuMsOf,
  leads,
  memoryOf,
  reconcilesOf,
  toText,
  totalOf,
  until,
  untilQuiet,
} from './operator/measured.ts';
import { createMany, removeAll, showWave } from './operator/waves.ts';
import { residentMb, show, wait } from './server-process.ts';

const WATCHED_MS = 60_000;
const BUSY_MS = 130_000;
const NAMESPACE = 'tenants';
const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg.startsWith('--')),
  options: {
    real: { type: 'string', default: '1,20' },
    tenants: { type: 'string', default: '1,20,100,500' },
    kubeconfig: { type: 'string' },
  },
});
const numbers = (text: string): number[] => text.split(',').filter(Boolean).map(Number);

for (const count of numbers(options.real)) await measureReal(count);
if (options.tenants !== '') await measureSimulated(numbers(options.tenants));

async function measureReal(count: number): Promise<void> {
  const up = await startWarrenUp({ args: ['--no-demo'] });
  try {
    const client = new Client(createHttpTransport(readKubeconfig(up.kubeconfig)));
    const names = Array.from({ length: count }, (_, index) => `real-${index}`);
    showWave('real tenants', count, await createMany(client, 'default', names));
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

/** Resident sizes of the servers whose data is below the folder, in MB. */
function tenantSizes(folder: string): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8', maxBuffer: 1e8 }).split('\n');
  return lines
    .filter((line) => line.includes(folder) && / server /.test(line))
    .map((line) => residentMb(Number.parseInt(line, 10)));
}

async function measureSimulated(counts: readonly number[]): Promise<void> {
  await using host = await startOperatorHost({ kubeconfig: options.kubeconfig });
  await using proxy = await startFaultProxy(host.access, { rate: 0, random: Math.random });
  const bundle = join(import.meta.dirname, '..', 'dist', 'warren.js');
  const entry = existsSync(bundle) ? bundle : undefined;
  const start = (podName: string) => OperatorLife.start(host, { via: proxy, podName, entry });
  const operator = await start('warren-operator-0');
  try {
    await until('it leads', () => leads(operator));
    await untilQuiet(proxy);
    show(
      'the operator without tenants',
      await memoryOf(operator),
      entry === undefined ? 'from its sources' : 'bundled',
    );
    for (const [index, count] of counts.entries()) {
      await measureWave({ host, proxy, operator }, count);
      if (index === counts.length - 1) await measureDaily({ host, proxy, operator, count, start });
      const before = proxy.counts();
      const removedMs = await removeAll(host.client, NAMESPACE);
      show('taken down', `${(removedMs / 1000).toFixed(1)} s`, `${toText(callsSince(proxy, before), count)} a tenant`);
    }
  } finally {
    await operator.end();
  }
}

interface Running {
  readonly host: OperatorHost;
  readonly proxy: FaultProxy;
  readonly operator: OperatorLife;
}

async function measureWave({ host, proxy, operator }: Running, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `bench-${index}`);
  const before = { calls: proxy.counts(), cpuMs: cpuMsOf(operator.pid), reconciles: await reconcilesOf(operator) };
  showWave('simulated tenants', count, await createMany(host.client, NAMESPACE, names));
  await untilQuiet(proxy);
  const calls = callsSince(proxy, before.calls);
  show('calls to the host', `${(totalOf(calls) / count).toFixed(1)} a tenant`, toText(calls, count));
  const reconciles = (await reconcilesOf(operator)) - before.reconciles;
  show(
    'of the operator',
    `${((cpuMsOf(operator.pid) - before.cpuMs) / count).toFixed(0)} ms a tenant`,
    `of a core, ${(reconciles / count).toFixed(1)} reconciles`,
  );
  await measureRest({ host, proxy, operator }, count);
}

/** What tenants cost that nobody changes. */
async function measureRest({ proxy, operator }: Running, count: number): Promise<void> {
  // Tenants that have just changed are asked more often for two minutes.
  await wait(BUSY_MS);
  const before = { calls: proxy.counts(), reconciles: await reconcilesOf(operator), cpuMs: cpuMsOf(operator.pid) };
  await wait(WATCHED_MS);
  const reconciles = (await reconcilesOf(operator)) - before.reconciles;
  const cpu = (cpuMsOf(operator.pid) - before.cpuMs) / (WATCHED_MS / 100);
  show(
    `at rest with ${count}`,
    await memoryOf(operator),
    `${cpu.toFixed(1)} % of a core, ${(reconciles / (WATCHED_MS / 1000)).toFixed(1)} reconciles/s, calls to the host: ${toText(callsSince(proxy, before.calls))}`,
  );
}
