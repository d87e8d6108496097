import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { Device, ResourceClaim } from '../../generated/api/resource/v1.ts';
import {
  deviceclasses,
  events,
  namespaces,
  nodes,
  pods,
  resourceclaims,
  resourceslices,
  serviceaccounts,
} from '../../generated/resource-types.ts';
import { type ScheduledCluster, startScheduledCluster } from '../../testing/scheduled-cluster.ts';
import { makeNode } from '../../testing/scheduling.ts';

const DRIVER = 'gpu.example.com';

describe('devices on a real server', () => {
  let cluster: ScheduledCluster;
  const inDefault = (name: string) => ({ namespace: 'default', name });

  before(async () => {
    cluster = await startScheduledCluster();
    const { admin } = cluster;
    await cluster.until('the default namespace is there', async () =>
      (await admin.list(namespaces)).items.some(({ metadata }) => metadata.name === 'default'),
    );
    await admin.create(serviceaccounts, { metadata: inDefault('default') }).catch(() => {});
    for (const name of ['a', 'b']) {
      await admin.create(nodes, makeNode(name));
      await admin.patch(nodes, { name }, { spec: { taints: null } }, { type: 'merge' });
    }
    const extendedResourceName = 'example.com/gpu';
    await admin.create(deviceclasses, { metadata: { name: 'gpu' }, spec: { extendedResourceName } });
    await putSlice('b', [{ name: 'gpu-0' }, { name: 'gpu-1' }]);
  });
  after(async () => await cluster[Symbol.asyncDispose]());

  async function putSlice(nodeName: string, devices: Device[]): Promise<void> {
    const pool = { name: nodeName, generation: 1, resourceSliceCount: 1 };
    await cluster.admin.create(resourceslices, {
      metadata: { name: `slice-${nodeName}` },
      spec: { driver: DRIVER, nodeName, pool, devices },
    });
  }

  async function putClaim(name: string, expression?: string): Promise<void> {
    const selectors = expression === undefined ? {} : { selectors: [{ cel: { expression } }] };
    const requests = [{ name: 'gpu', exactly: { deviceClassName: 'gpu', ...selectors } }];
    await cluster.admin.create(resourceclaims, { metadata: inDefault(name), spec: { devices: { requests } } });
  }

  async function putPod(name: string, claims: readonly string[], requests: Record<string, string> = {}): Promise<void> {
    const resources = { requests, limits: requests };
    await cluster.admin.create(pods, {
      metadata: inDefault(name),
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'app', image: 'app:1', resources }],
        resourceClaims: claims.map((each) => ({ name: each, resourceClaimName: each })),
      },
    } as Pod);
  }

  const get = async (name: string): Promise<Pod> => await cluster.admin.get(pods, inDefault(name));
  const claim = async (name: string): Promise<ResourceClaim> =>
    await cluster.admin.get(resourceclaims, inDefault(name));
  const told = async (name: string) =>
    (await get(name)).status?.conditions?.find(({ type }) => type === 'PodScheduled');

  it('keeps a pod whose claim is missing out of sight, and places it where the devices are', async () => {
    await putPod('first', ['one']);
    await putPod('plain', []);
    await cluster.until('the other is bound', async () => Boolean((await get('plain')).spec.nodeName));
    assert.equal(await told('first'), undefined);
    await putClaim('one');
    await cluster.until('the pod is bound', async () => (await get('first')).spec.nodeName === 'b');
    const { metadata, status } = await claim('one');
    assert.deepEqual(metadata.finalizers, ['resource.kubernetes.io/delete-protection']);
    const { allocationTimestamp, ...allocation } = status?.allocation ?? {};
    assert.match(allocationTimestamp ?? '', /^\d{4}-/);
    const field = { key: 'metadata.name', operator: 'In', values: ['b'] };
    assert.deepEqual(allocation, {
      devices: { results: [{ request: 'gpu', driver: DRIVER, pool: 'b', device: 'gpu-0' }] },
      nodeSelector: { nodeSelectorTerms: [{ matchFields: [field] }] },
    });
    const { uid = '' } = (await get('first')).metadata;
    assert.deepEqual(status?.reservedFor, [{ resource: 'pods', name: 'first', uid }]);
  });

  it('lets pods share a claim', async () => {
    await putPod('second', ['one']);
    await cluster.until('the pod is bound', async () => (await get('second')).spec.nodeName === 'b');
    assert.equal((await claim('one')).status?.reservedFor?.length, 2);
  });

  it('tells why devices cannot be had, and tries again when there are more', async () => {
    await putClaim('two');
    await putClaim('three');
    await putPod('third', ['two']);
    await cluster.until('the pod is bound', async () => (await get('third')).spec.nodeName === 'b');
    await putPod('fourth', ['three']);
    await cluster.until('the pod is told', async () => (await told('fourth'))?.reason === 'Unschedulable');
    assert.equal(
      (await told('fourth'))?.message,
      '0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, ' +
        'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    );
    await putSlice('a', [{ name: 'gpu-0' }]);
    await cluster.until('the pod is bound', async () => (await get('fourth')).spec.nodeName === 'a');
  });

  it('tells of expressions that fail', async () => {
    const slice = { name: 'slice-a' };
    const devices = [{ name: 'gpu-0' }, { name: 'gpu-1' }, { name: 'gpu-2' }];
    await cluster.admin.patch(resourceslices, slice, { spec: { devices } }, { type: 'merge' });
    await putClaim('bad', 'device.attributes["gpu.example.com"].nothing');
    await putPod('fifth', ['bad']);
    await cluster.until('the pod is told', async () => (await told('fifth'))?.reason === 'SchedulerError');
    assert.equal(
      (await told('fifth'))?.message,
      'running "DynamicResources" filter plugin: ' +
        'claim default/bad: selector #0: CEL runtime error: no such key: nothing',
    );
    await cluster.admin.delete(pods, inDefault('fifth'), { gracePeriodSeconds: 0 });
  });

  it('serves extended resources by devices', async () => {
    await putPod('extended', [], { 'example.com/gpu': '2' });
    await cluster.until('the pod is bound', async () => (await get('extended')).spec.nodeName === 'a');
    const { extendedResourceClaimStatus: found } = (await get('extended')).status ?? {};
    assert.deepEqual(found?.requestMappings, [
      { containerName: 'app', resourceName: 'example.com/gpu', requestName: 'container-0-request-0' },
    ]);
    const made = await claim(found?.resourceClaimName ?? '');
    assert.match(made.metadata.name ?? '', /^extended-extended-resources-/);
    assert.equal(made.metadata.annotations?.['resource.kubernetes.io/extended-resource-claim'], 'true');
    assert.deepEqual(
      made.status?.allocation?.devices?.results?.map(({ device }) => device),
      ['gpu-1', 'gpu-2'],
    );
  });

  it('waits until devices are ready for their node', async () => {
    const devices: Device[] = [
      { name: 'net-0', bindingConditions: ['example.com/attached'], bindingFailureConditions: ['example.com/failed'] },
    ];
    const pool = { name: 'net', generation: 1, resourceSliceCount: 1 };
    await cluster.admin.create(resourceslices, {
      metadata: { name: 'net' },
      spec: { driver: 'net.example.com', allNodes: true, pool, devices },
    });
    await putClaim('net', 'device.driver == "net.example.com"');
    await putPod('waiting', ['net']);
    await cluster.until('an event tells of it', async () =>
      (await cluster.admin.list(events)).items.some(({ reason }) => reason === 'BindingConditionsPending'),
    );
    assert.equal((await get('waiting')).spec.nodeName, undefined);
    const now = new Date().toISOString().replace(/\.\d+Z/, 'Z');
    const attached = {
      type: 'example.com/attached',
      status: 'True',
      reason: 'Done',
      message: '',
      lastTransitionTime: now,
    };
    const status = { devices: [{ driver: 'net.example.com', pool: 'net', device: 'net-0', conditions: [attached] }] };
    const current = await claim('net');
    await cluster.admin.update(
      resourceclaims,
      { ...current, status: { ...current.status, ...status } },
      { subresource: 'status' },
    );
    await cluster.until('the pod is bound', async () => Boolean((await get('waiting')).spec.nodeName));
  });
});
