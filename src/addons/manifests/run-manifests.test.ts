import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client } from '../../client/client.ts';
import { Informers } from '../../client/informers.ts';
import {
  apiservices,
  configmaps,
  deployments,
  namespaces,
  nodes,
  runtimeclasses,
  storageclasses,
} from '../../generated/resource-types.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { startMemoryServer, until } from '../../testing/memory-server.ts';
import { addons } from './addon.ts';
import { runManifests } from './run-manifests.ts';

const base = { clock: systemClock, logger: silentLogger };
const namespace = 'kube-system';
const coreDns = { namespace, name: 'coredns' };

describe('a cluster that is joined by its first machine', () => {
  const stop = new AbortController();
  const root = mkdtempSync(join(tmpdir(), 'warren-bundled-'));
  const folder = join(root, 'server', 'manifests');
  let client: Client;
  let running: Promise<void>;
  const addonNames = async (): Promise<string[]> =>
    (await client.list(addons, { namespace })).items.map(({ metadata }) => metadata.name ?? '');
  const nodeHosts = (): Promise<string | undefined> =>
    client.get(configmaps, coreDns).then(
      ({ data }) => data?.['NodeHosts'],
      () => undefined,
    );
  const joinNode = async (name: string, address: string): Promise<void> => {
    await client.create(nodes, { metadata: { name }, spec: { providerID: `k3s://${name}` } });
    const status = { addresses: [{ type: 'InternalIP', address }] };
    await client.patch(nodes, { name }, { status }, { type: 'merge', subresource: 'status' });
  };

  before(async () => {
    const server = await startMemoryServer(silentLogger, stop.signal);
    client = new Client(server.transportFor({ name: 'admin', groups: ['system:masters', 'system:authenticated'] }));
    await client.create(namespaces, { metadata: { name: namespace }, spec: {} }).catch(() => undefined);
    const informers = new Informers({ client, ...base, signal: stop.signal });
    const settings = { clusterDns: ['10.43.0.10'], clusterDomain: 'cluster.local', localStoragePath: '/volumes' };
    running = runManifests(
      { client, informers, ...base },
      { folder, disabled: ['runtimes', 'traefik'], settings },
      stop.signal,
    ).catch(() => undefined);
  });
  after(async () => {
    stop.abort();
    await running;
    rmSync(root, { recursive: true });
  });

  it('is given an empty folder, and nothing else, before', async () => {
    await until('addons are served', () =>
      addonNames()
        .then((names) => names.length === 0)
        .catch(() => false),
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  it('then gets all that is bundled and not disabled', async () => {
    await joinNode('first', '192.0.2.1');
    await until('all are applied', async () => (await addonNames()).length === 9);
    assert.deepEqual(readdirSync(folder).toSorted(), ['coredns.yaml', 'local-storage.yaml', 'metrics-server']);
    const names = (await client.list(deployments, { namespace })).items.map(({ metadata }) => metadata?.name);
    assert.deepEqual(names.toSorted(), ['coredns', 'local-path-provisioner', 'metrics-server']);
    const { metadata } = await client.get(storageclasses, { name: 'local-path' });
    assert.equal(metadata?.annotations?.['storageclass.kubernetes.io/is-default-class'], 'true');
    await client.get(apiservices, { name: 'v1beta1.metrics.k8s.io' });
    assert.equal((await client.list(runtimeclasses)).items.length, 0);
    const config = await client.get(configmaps, { namespace, name: 'local-path-config' });
    assert.match(config.data?.['config.json'] ?? '', /"paths": \[\s+"\/volumes"/);
  });

  it('keeps the names of nodes in its DNS', async () => {
    await until('the first name', async () => (await nodeHosts()) === '192.0.2.1 first\n');
    await joinNode('second', '192.0.2.2');
    await until('both names', async () => (await nodeHosts()) === '192.0.2.1 first\n192.0.2.2 second\n');
    await client.delete(nodes, { name: 'first' });
    await until('the name that is left', async () => (await nodeHosts()) === '192.0.2.2 second\n');
  });
});
