/** A cluster in which nothing happens writes nothing but leases. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Informers } from '../../src/client/informers.ts';
import { leases } from '../../src/generated/resource-types.ts';
import { systemClock as clock } from '../../src/std/clock.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { startWarrenServer, type WarrenServer } from '../warren-server.ts';
import { type SimulatedNodes, startSimulatedNodes } from './simulated-nodes.ts';

const NODES = 100;
const WATCHED_MS = 60_000;

let server: WarrenServer;
let machines: SimulatedNodes;
before(async () => {
  server = await startWarrenServer();
  machines = await startSimulatedNodes({ kubeconfig: server.kubeconfig, count: NODES });
});
after(async () => {
  await machines[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const labels = { app: 'calm' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:1' }] } };
const workload = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name },
  spec: { selector: { matchLabels: labels }, template, ...spec },
});

/** One of most kinds that a controller looks after, some of them with nothing that could ever satisfy them. */
const objects: readonly object[] = [
  workload('Deployment', 'web', { replicas: 50 }),
  workload('Deployment', 'paused', { replicas: 1, paused: true, progressDeadlineSeconds: 1 }),
  workload('Deployment', 'stuck', {
    progressDeadlineSeconds: 1,
    template: { ...template, spec: { ...template.spec, nodeSelector: { missing: 'yes' } } },
  }),
  workload('StatefulSet', 'db', { replicas: 3, serviceName: 'calm' }),
  workload('DaemonSet', 'agent', {}),
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'calm' }, spec: { selector: labels, ports: [{ port: 80 }] } },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'yearly' },
    spec: {
      schedule: '0 0 1 1 *',
      jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
    },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'calm' },
    spec: { maxUnavailable: '10%', selector: { matchLabels: labels } },
  },
  {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'calm' },
    spec: { hard: { pods: '1000', services: '5' } },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'waits' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
];

describe('a cluster of 100 machines in which nothing happens', () => {
  it('writes leases and nothing else', async () => {
    const kubectl = await server.inNamespace('calm');
    await kubectl('apply -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });
    await kubectl('rollout status deployment/web --timeout=90s');
    await kubectl('rollout status statefulset/db --timeout=90s');
    await kubectl('rollout status daemonset/agent --timeout=90s');

    const stop = new AbortController();
    const informers = new Informers({ client: machines.client, clock, logger: silentLogger, signal: stop.signal });
    let renewed = 0;
    const informer = informers.for(leases);
    informer.addHandler({ added: () => {}, updated: () => renewed++, deleted: () => renewed++ });
    await informer.synced;
    try {
      await clock.sleep(8000);
      assert.deepEqual(await watchEverything(WATCHED_MS), []);
    } finally {
      stop.abort();
      await informers.ended();
    }
    assert.ok(renewed > NODES, `${renewed} leases were renewed`);
  });
});

/** Every object but leases that is written within a while, as `resource name`. */
async function watchEverything(forMs: number): Promise<string[]> {
  const groups = (await machines.client.transport.request({ method: 'GET', path: '/apis' })) as {
    groups: { preferredVersion: { groupVersion: string } }[];
  };
  const roots = ['/api/v1', ...groups.groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const before = await snapshot(roots);
  await clock.sleep(forMs);
  const later = await snapshot(roots);
  return [...later].filter(([id, version]) => before.get(id) !== version).map(([id]) => id);
}

async function snapshot(roots: readonly string[]): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  for (const root of roots) {
    const found = await machines.client.transport.request({ method: 'GET', path: root }).catch(() => undefined);
    // A group of an aggregated server that no machine runs here.
    const { resources = [] } = (found ?? {}) as { resources?: { name: string; verbs: string[] }[] };
    for (const { name, verbs } of resources) {
      if (!verbs.includes('list') || name.includes('/') || name === 'leases' || name === 'componentstatuses') continue;
      const { items } = (await machines.client.transport.request({ method: 'GET', path: `${root}/${name}` })) as {
        items: { metadata: { namespace?: string; name: string; resourceVersion: string } }[] | null;
      };
      for (const { metadata } of items ?? [])
        versions.set(`${name} ${metadata.namespace ?? ''}/${metadata.name}`, metadata.resourceVersion);
    }
  }
  return versions;
}
