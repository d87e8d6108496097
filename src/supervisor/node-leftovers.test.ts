import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Informers } from '../client/informers.ts';
import { certificatesigningrequests, leases, nodes, volumeattachments } from '../generated/resource-types.ts';
import { type Clock, systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { removeNodeLeftovers } from './node-leftovers.ts';

let api: FakeTransport;
let nowMs: number;
let sweep: () => void;
let stop: () => void;

beforeEach(async () => {
  nowMs = Date.now();
  api = new FakeTransport(() => nowMs);
  const abort = new AbortController();
  const clock: Clock = {
    ...systemClock,
    nowMs: () => nowMs,
    every(_periodMs, run) {
      sweep = run;
      return { cancel() {} };
    },
  };
  const informers = new Informers({ client: api.client, clock, logger: silentLogger, signal: abort.signal });
  const release = removeNodeLeftovers({ client: api.client, informers, clock, logger: silentLogger });
  await informers.for(nodes).synced;
  stop = () => {
    release();
    abort.abort();
  };
  for (const name of ['n1', 'n2']) {
    await api.client.create(nodes, { metadata: { name }, spec: {} });
    const source = { persistentVolumeName: 'v' };
    await api.client.create(volumeattachments, {
      metadata: { name: `attached-${name}` },
      spec: { attacher: 'driver', nodeName: name, source },
    });
    await api.client.create(leases, { metadata: { namespace: 'kube-node-lease', name }, spec: {} });
    await api.client.create(certificatesigningrequests, {
      metadata: { name: `csr-${name}` },
      spec: { request: '', signerName: 'kubernetes.io/kubelet-serving', username: `system:node:${name}` },
    });
  }
});
afterEach(() => stop());

async function left(): Promise<readonly string[]> {
  const all = [
    ...(await api.client.list(volumeattachments, {})).items,
    ...(await api.client.list(leases, { namespace: 'kube-node-lease' })).items,
    ...(await api.client.list(certificatesigningrequests, {})).items,
  ];
  return all.map(({ metadata }) => metadata.name ?? '');
}

async function until(wanted: readonly string[]): Promise<void> {
  for (let tries = 1_000; ; tries--) {
    const found = await left();
    if (found.join() === wanted.join()) return;
    if (tries === 0) assert.deepEqual(found, wanted);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe('what a node leaves behind', () => {
  it('is removed at once when the node is deleted', async () => {
    nowMs += 2_000;
    await api.client.delete(nodes, { name: 'n1' });
    await until(['attached-n2', 'n2', 'csr-n2']);
  });

  it('is left to a node that comes again, where it is new', async () => {
    nowMs = Math.floor(nowMs / 1000) * 1000;
    await api.client.delete(certificatesigningrequests, { name: 'csr-n1' });
    await api.client.delete(leases, { namespace: 'kube-node-lease', name: 'n1' });
    nowMs += 2_000;
    await api.client.create(certificatesigningrequests, {
      metadata: { name: 'csr-n1-new' },
      spec: { request: '', signerName: 'kubernetes.io/kubelet-serving', username: 'system:node:n1' },
    });
    await api.client.delete(nodes, { name: 'n1' });
    await until(['attached-n2', 'n2', 'csr-n1-new', 'csr-n2']);
  });

  it('is removed by a sweep once it is old, and what belongs to living nodes stays', async () => {
    nowMs += 2_000;
    await api.client.delete(nodes, { name: 'n1' });
    await until(['attached-n2', 'n2', 'csr-n2']);
    const spec = { request: '', signerName: 'kubernetes.io/kubelet-serving', username: 'system:node:never' };
    await api.client.create(certificatesigningrequests, { metadata: { name: 'csr-never' }, spec });
    sweep();
    await until(['attached-n2', 'n2', 'csr-n2', 'csr-never']);
    nowMs += 3600 * 1000;
    sweep();
    await until(['attached-n2', 'n2', 'csr-n2']);
  });
});
