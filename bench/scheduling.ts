/** 5,000 pods on 100 nodes that exist on paper only: how fast they are placed, alone and by a Deployment, and what idle nodes cost. */
import { readFileSync } from 'node:fs';
import type { Deployment } from '../src/generated/api/apps/v1.ts';
import type { Lease } from '../src/generated/api/coordination/v1.ts';
import type { Node, Pod } from '../src/generated/api/core/v1.ts';
import { deployments, leases, nodes, pods } from '../src/generated/resource-types.ts';
import { rate, residentMb, show, startServer, wait, withPlace } from './server-process.ts';

const NODES = 100;
const PODS = 5000;
const REPLICAS = 1000;
const IDLE_SECONDS = 30;

const makeNode = (index: number): Node =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `node-${index}`, labels: { 'topology.kubernetes.io/zone': `zone-${index % 3}` } },
    status: {
      allocatable: { cpu: '32', memory: '128Gi', pods: '110' },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: new Date().toISOString() },
      ],
    },
  }) as unknown as Node;

const spec = {
  containers: [{ name: 'app', image: 'app:1', resources: { requests: { cpu: '100m', memory: '64Mi' } } }],
};
const makePod = (index: number): Pod =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `pod-${index}`, namespace: 'default' }, spec }) as Pod;

/** Processor time that a process has taken, in seconds; the kernel counts in hundredths. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

await withPlace(async (folder, port) => {
  const server = await startServer(folder, port);
  const { client } = server;
  for (let index = 0; index < NODES; index++) await client.create(nodes, makeNode(index));
  await wait(2000);
  // Taken off by hand where no controller has done so yet.
  await rate(NODES, 8, (index) =>
    client.patch(nodes, { name: `node-${index}` }, { spec: { taints: null } }, { type: 'merge' }),
  );

  // Nodes that are not heard of lose their pods.
  const heart = setInterval(() => {
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }];
    const patch = { status: { conditions } };
    void rate(NODES, 4, (index) =>
      client.patch(nodes, { name: `node-${index}` }, patch, { type: 'strategic', subresource: 'status' }),
    ).catch(() => {});
  }, 10_000);

  /** Waits until so many pods have a node; returns the seconds since `started`. */
  async function placed(count: number, started: number): Promise<number> {
    for (;;) {
      const { items } = await client.list(pods, { namespace: 'default', fieldSelector: 'spec.nodeName!=' });
      if (items.length >= count) return (performance.now() - started) / 1000;
      if (performance.now() - started > 120_000) throw new Error(`${items.length} of ${count} pods are placed`);
      await wait(200);
    }
  }

  const started = performance.now();
  await rate(PODS, 32, (index) => client.create(pods, makePod(index)));
  const created = (performance.now() - started) / 1000;
  const seconds = await placed(PODS, started);
  show(`${PODS} pods created on ${NODES} nodes`, `${(PODS / created).toFixed(0)} /s`);
  show(
    'placed, from the first create to the last bind',
    `${(PODS / seconds).toFixed(0)} /s`,
    `${(seconds / created).toFixed(2)} times the creates`,
  );
  await client.deleteCollection(pods, { namespace: 'default', gracePeriodSeconds: 0 });
  while ((await client.list(pods, { namespace: 'default', limit: 1 })).items.length > 0) await wait(200);

  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec },
    },
  } as unknown as Deployment;
  const before = performance.now();
  await client.create(deployments, deployment);
  const up = await placed(REPLICAS, before);
  show(`Deployment of ${REPLICAS}, up to the last bind`, `${(REPLICAS / up).toFixed(0)} /s`);
  const down = performance.now();
  await client.patch(deployments, { namespace: 'default', name: 'web' }, { spec: { replicas: 0 } }, { type: 'merge' });
  for (;;) {
    const { items } = await client.list(pods, { namespace: 'default' });
    if (items.every(({ metadata }) => metadata.deletionTimestamp !== undefined)) break;
    await wait(200);
  }
  show(
    `Deployment of ${REPLICAS}, down to the last deletion`,
    `${(REPLICAS / ((performance.now() - down) / 1000)).toFixed(0)} /s`,
  );
  clearInterval(heart);
  while ((await client.list(pods, { namespace: 'default', limit: 1 })).items.length > 0) {
    await client.deleteCollection(pods, { namespace: 'default', gracePeriodSeconds: 0 });
    await wait(500);
  }

  // Leases as kubelets renew them, every ten seconds each.
  const lease = (index: number) => ({ namespace: 'kube-node-lease', name: `node-${index}` });
  const renewTime = (): string => `${new Date().toISOString().slice(0, -1)}000Z`;
  await rate(NODES, 8, (index) =>
    client.create(leases, { metadata: lease(index), spec: { renewTime: renewTime() } } as Lease).catch(() => {}),
  );
  let at = 0;
  const renewals = setInterval(() => {
    const patch = { spec: { renewTime: renewTime(), leaseDurationSeconds: 40 } };
    void client.patch(leases, lease(at++ % NODES), patch, { type: 'merge' }).catch(() => {});
  }, 10_000 / NODES);
  await wait(5_000);
  const idle = cpuSeconds(server.pid);
  await wait(IDLE_SECONDS * 1000);
  const share = ((cpuSeconds(server.pid) - idle) / IDLE_SECONDS) * 100;
  show(`${NODES} nodes that renew their leases`, `${share.toFixed(1)} %`, 'of a core');
  clearInterval(renewals);
  show('resident memory', `${residentMb(server.pid).toFixed(0)} MB`);
  await server.stop();
});
