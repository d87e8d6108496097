/** What an operator with many tenants does on an ordinary day: changes, restarts, changes of leaders. */
import type { FaultProxy } from '../../e2e/fault-proxy.ts';
import type { OperatorHost, OperatorLife } from '../../e2e/operator-life.ts';
import type { Node } from '../../src/generated/api/core/v1.ts';
import { nodes, pods } from '../../src/generated/resource-types.ts';
import { virtualClusters } from '../../src/operator/api/virtual-cluster.ts';
import { show, wait } from '../server-process.ts';
import { callsSince, cpuMsOf, leads, metricOf, reconcilesOf, toText, totalOf, until, untilQuiet } from './measured.ts';
import { createMany } from './waves.ts';

const NAMESPACE = 'tenants';

export interface Day {
  readonly host: OperatorHost;
  readonly proxy: FaultProxy;
  readonly operator: OperatorLife;
  /** Tenants that are there. */
  readonly count: number;
  /** Another operator on the same host. */
  start(podName: string): Promise<OperatorLife>;
}

export async function measureDaily(day: Day): Promise<void> {
  await measureChanges(day);
  await measureNodes(day);
  await measureRestart(day);
  await measureFairness(day);
  await measureLeaders(day);
}

/** Runs `work` and tells of the calls that it led to. */
async function calls({ proxy, operator }: Day, what: string, work: () => Promise<unknown>, per = 1): Promise<void> {
  const before = { calls: proxy.counts(), reconciles: await reconcilesOf(operator), cpuMs: cpuMsOf(operator.pid) };
  await work();
  await untilQuiet(proxy);
  const made = callsSince(proxy, before.calls);
  const reconciles = (await reconcilesOf(operator)) - before.reconciles;
  show(
    `${what}: calls to the host`,
    `${totalOf(made)}`,
    `${toText(made, per)}${per === 1 ? '' : ' a tenant'}; ${reconciles} reconciles, ${(cpuMsOf(operator.pid) - before.cpuMs).toFixed(0)} ms of a core`,
  );
}

async function measureChanges(day: Day): Promise<void> {
  const { client } = day.host;
  const key = { namespace: NAMESPACE, name: 'bench-0' };
  const spec = { tls: { extraSANs: ['other.example'] } };
  await calls(day, "a change of one tenant's names", () =>
    client.patch(virtualClusters, key, { spec }, { type: 'merge' }),
  );
  await calls(day, 'one pod that is deleted', () =>
    client.deleteCollection(pods, { namespace: NAMESPACE, labelSelector: 'warren.dev/virtualcluster=bench-0' }),
  );
}

/** Nodes tell every few seconds that they live; where tenants are reached changes with few of these. */
async function measureNodes(day: Day): Promise<void> {
  const { host, count } = day;
  const { client } = host;
  const beat = (index: number) => {
    const conditions = [
      { type: 'MemoryPressure', status: 'False', lastHeartbeatTime: new Date(index * 1000).toISOString() },
    ];
    return client.patch(
      nodes,
      { name: 'hollow' },
      { status: { conditions } },
      { type: 'strategic', subresource: 'status' },
    );
  };
  await calls(day, '20 heartbeats of a node', async () => {
    for (let index = 0; index < 20; index++) await beat(index);
  });
  const status = (address: string): Node['status'] => ({
    addresses: [{ type: 'InternalIP', address }],
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '' }],
  });
  const other = { metadata: { name: 'other' }, spec: { unschedulable: true }, status: status('192.0.2.7') } as Node;
  await calls(
    day,
    'a node more, so another address for all',
    async () => {
      await client.create(nodes, other);
      await client.patch(nodes, { name: 'other' }, { status: other.status }, { type: 'merge', subresource: 'status' });
    },
    count,
  );
  await calls(day, 'and one less', () => client.delete(nodes, { name: 'other' }), count);
}

/** Everything is looked at once more: nothing should be read or written one by one. */
async function measureRestart({ proxy, operator, count }: Day): Promise<void> {
  const before = proxy.counts();
  await operator.restart();
  const leadMs = await until('it leads again', () => leads(operator));
  const seenMs = await until('all are looked at', async () => {
    const [seen, waiting] = [
      await reconcilesOf(operator),
      await metricOf(operator, 'workqueue_depth', 'name="virtualcluster"'),
    ];
    return seen >= count && waiting === 0;
  });
  const cpuMs = cpuMsOf(operator.pid);
  await untilQuiet(proxy);
  show(
    'restart until all are looked at',
    `${((leadMs + seenMs) / 1000).toFixed(1)} s`,
    `${(leadMs / 1000).toFixed(1)} s until it leads, ${cpuMs.toFixed(0)} ms of a core; calls to the host: ${toText(callsSince(proxy, before))}`,
  );
}

/** A new tenant comes while all others are looked at. */
async function measureFairness({ host, operator, proxy }: Day): Promise<void> {
  const alone = await createMany(host.client, NAMESPACE, ['alone']);
  await untilQuiet(proxy);
  await operator.restart();
  await until('it leads again', () => leads(operator));
  const among = await createMany(host.client, NAMESPACE, ['among']);
  show(
    'one new tenant, creation to Ready',
    `${alone.allMs.toFixed(0)} ms`,
    `${among.allMs.toFixed(0)} ms while an operator that has just started looks at all others`,
  );
}

async function measureLeaders({ start, operator }: Day): Promise<void> {
  const second = await start('warren-operator-1');
  await wait(5_000);
  try {
    await operator.end('SIGTERM');
    const gentleMs = await until('the second leads', () => leads(second));
    operator.begin();
    await wait(3_000);
    await second.end('SIGKILL');
    const hardMs = await until('the first leads', () => leads(operator));
    show(
      'another replica leads',
      `${(gentleMs / 1000).toFixed(1)} s`,
      `after the one before ended; ${(hardMs / 1000).toFixed(1)} s after it was killed`,
    );
  } finally {
    await second.end();
  }
}
