/** Where pods go and why they wait, told with kubectl on simulated nodes. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../program.ts';
import { type CommandLine, startWarrenServer, type WarrenServer } from '../warren-server.ts';
import { type SimulatedNodes, startSimulatedNodes } from './simulated-nodes.ts';

let server: WarrenServer;
let machines: SimulatedNodes;
before(async () => {
  server = await startWarrenServer();
  machines = await startSimulatedNodes({ kubeconfig: server.kubeconfig, count: 3, cpu: '2' });
});
after(async () => {
  await machines[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const json = async (kubectl: CommandLine, what: string) => JSON.parse(await kubectl(`get ${what} -o json`));
const apply = (kubectl: CommandLine, ...items: object[]): Promise<string> =>
  kubectl('apply -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
const pod = (name: string, spec: object = {}, cpu = '0'): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'app', image: 'app:1', resources: { requests: { cpu } } }],
    ...spec,
  },
});
const nodeOf = async (kubectl: CommandLine, name: string): Promise<string> =>
  await kubectl(`get pod ${name} -o jsonpath={.spec.nodeName}`);
const toldTo = async (kubectl: CommandLine, name: string) =>
  (await json(kubectl, `pod ${name}`)).status.conditions.find(({ type }: { type: string }) => type === 'PodScheduled');

describe('a pod that matters more', () => {
  it('takes the room of others, where a budget does not keep them, and both are told', async () => {
    const kubectl = await server.inNamespace('preemption');
    const priority = (name: string, value: number): object => ({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
    });
    const on = (node: string) => ({ priorityClassName: 'low', nodeSelector: { 'kubernetes.io/hostname': node } });
    await apply(
      kubectl,
      priority('low', 1),
      priority('high', 1000),
      { ...pod('guarded-0', on('sim-0'), '2'), metadata: { name: 'guarded-0', labels: { app: 'guarded' } } },
      { ...pod('guarded-1', on('sim-1'), '2'), metadata: { name: 'guarded-1', labels: { app: 'guarded' } } },
      pod('loose', on('sim-2'), '2'),
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'guarded' },
        spec: { minAvailable: 2, selector: { matchLabels: { app: 'guarded' } } },
      },
    );
    await kubectl('wait --for=condition=Ready pod --all --timeout=60s');
    await eventually(async () => assert.equal((await json(kubectl, 'pdb guarded')).status.currentHealthy, 2));
    await apply(kubectl, pod('urgent', { priorityClassName: 'high' }, '2'));
    await kubectl('wait --for=condition=Ready pod/urgent --timeout=60s');
    assert.equal(await nodeOf(kubectl, 'urgent'), 'sim-2');
    const { uid } = (await json(kubectl, 'pod urgent')).metadata;
    await eventually(async () => {
      const { items } = await json(kubectl, 'events');
      const told = items.map((each: Record<string, string>) => `${each['reason']}: ${each['message']}`);
      assert.ok(told.includes(`Preempted: Preempted by pod ${uid} on node sim-2`), told.join('\n'));
      assert.ok(told.includes('FailedScheduling: 0/3 nodes are available: 3 Insufficient cpu.'), told.join('\n'));
    });

    await apply(kubectl, pod('late', { priorityClassName: 'low' }, '2'));
    await eventually(async () =>
      assert.equal(
        (await toldTo(kubectl, 'late')).message,
        '0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate, ' +
          'preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.',
      ),
    );
    assert.match(await kubectl('describe pod late'), /Warning +FailedScheduling +\S+ +default-scheduler +0\/3 nodes/);
    await kubectl('delete pod guarded-0');
    await kubectl('wait --for=condition=Ready pod/late --timeout=60s');
    await kubectl('delete pod --all');
  });
});

describe('devices', () => {
  const DRIVER = 'gpu.example.com';
  let kubectl: CommandLine;
  before(async () => {
    kubectl = await server.inNamespace('devices');
    const slice = (node: string, memory: string): object => ({
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceSlice',
      metadata: { name: `gpus-${node}` },
      spec: {
        driver: DRIVER,
        nodeName: node,
        pool: { name: node, generation: 1, resourceSliceCount: 1 },
        devices: [{ name: 'gpu-0', attributes: { model: { string: 'x1' } }, capacity: { memory: { value: memory } } }],
      },
    });
    const large = { cel: { expression: `device.capacity["${DRIVER}"].memory.compareTo(quantity("20Gi")) >= 0` } };
    const firstAvailable = [
      { name: 'large', deviceClassName: 'gpu', selectors: [large] },
      { name: 'any', deviceClassName: 'gpu' },
    ];
    await apply(
      kubectl,
      {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'DeviceClass',
        metadata: { name: 'gpu' },
        spec: { selectors: [{ cel: { expression: `device.driver == "${DRIVER}"` } }] },
      },
      slice('sim-0', '10Gi'),
      slice('sim-1', '40Gi'),
      {
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceClaimTemplate',
        metadata: { name: 'gpu' },
        spec: { spec: { devices: { requests: [{ name: 'gpu', firstAvailable }] } } },
      },
    );
  });

  const user = (name: string): object =>
    pod(name, {
      resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'gpu' }],
      containers: [{ name: 'app', image: 'app:1', resources: { claims: [{ name: 'gpu' }] } }],
    });

  it('are given to pods in the order of their wishes, and freed for the next', async () => {
    for (const name of ['first', 'second']) {
      await apply(kubectl, user(name));
      await kubectl(`wait --for=condition=Ready pod/${name} --timeout=60s`);
    }
    assert.deepEqual([await nodeOf(kubectl, 'first'), await nodeOf(kubectl, 'second')], ['sim-1', 'sim-0']);
    const { items } = await json(kubectl, 'resourceclaims');
    const given = items.map(({ status }: { status: { allocation: { devices: { results: object[] } } } }) =>
      status.allocation.devices.results.map((each) => {
        const { request, pool, device } = each as Record<string, string>;
        return `${request} ${pool}/${device}`;
      }),
    );
    assert.deepEqual(given.flat().sort(), ['gpu/any sim-0/gpu-0', 'gpu/large sim-1/gpu-0']);

    await apply(kubectl, user('third'));
    await eventually(async () =>
      assert.equal(
        (await toldTo(kubectl, 'third'))?.message,
        '0/3 nodes are available: 3 cannot allocate all claims. still not schedulable, ' +
          'preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
      ),
    );
    await kubectl('delete pod first');
    await kubectl('wait --for=condition=Ready pod/third --timeout=60s');
    assert.equal(await nodeOf(kubectl, 'third'), 'sim-1');
    await kubectl('delete pod --all');
    await eventually(async () => assert.deepEqual((await json(kubectl, 'resourceclaims')).items, []));
  });
});

describe('volumes of a CSI driver', () => {
  it('go where there is storage, and are attached to the node of their pod until it is gone', async () => {
    const kubectl = await server.inNamespace('storage');
    const driver = 'csi.example.com';
    const capacity = (node: string, size: string): object => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIStorageCapacity',
      metadata: { name: node },
      storageClassName: 'late',
      nodeTopology: { matchLabels: { 'kubernetes.io/hostname': node } },
      capacity: size,
    });
    await apply(
      kubectl,
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSIDriver',
        metadata: { name: driver },
        spec: { storageCapacity: true },
      },
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'late' },
        provisioner: driver,
        volumeBindingMode: 'WaitForFirstConsumer',
      },
      capacity('sim-0', '1Gi'),
      capacity('sim-1', '50Gi'),
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data' },
        spec: {
          storageClassName: 'late',
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '10Gi' } },
        },
      },
      pod('user', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] }),
    );
    const key = 'volume.kubernetes.io/selected-node';
    let claim: { metadata: { uid: string; annotations: Record<string, string> } } | undefined;
    await eventually(async () => {
      claim = await json(kubectl, 'pvc data');
      assert.equal(claim?.metadata.annotations[key], 'sim-1');
    });
    // What the driver's provisioner does.
    await apply(kubectl, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'volume' },
      spec: {
        storageClassName: 'late',
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '10Gi' },
        csi: { driver, volumeHandle: 'handle' },
        claimRef: { namespace: 'storage', name: 'data', uid: claim?.metadata.uid },
      },
    });
    await kubectl('annotate node sim-1 volumes.kubernetes.io/controller-managed-attach-detach=true');
    await eventually(async () => assert.equal(await nodeOf(kubectl, 'user'), 'sim-1'));
    let name = '';
    await eventually(async () => {
      const { items } = await json(kubectl, 'volumeattachments');
      name = items[0]?.metadata.name ?? '';
      assert.deepEqual(items[0]?.spec, {
        attacher: driver,
        nodeName: 'sim-1',
        source: { persistentVolumeName: 'volume' },
      });
    });
    // And its attacher.
    await kubectl(`patch volumeattachment ${name} --subresource=status --type=merge -p '{"status":{"attached":true}}'`);
    const attached = async () => (await json(kubectl, 'node sim-1')).status.volumesAttached;
    await eventually(async () =>
      assert.deepEqual(await attached(), [{ name: `kubernetes.io/csi/${driver}^handle`, devicePath: '' }]),
    );
    await kubectl('delete pod user');
    await eventually(async () => assert.deepEqual((await json(kubectl, 'volumeattachments')).items, []));
    assert.equal(await attached(), undefined);
  });
});
