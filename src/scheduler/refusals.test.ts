import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../generated/api/core/v1.ts';
import {
  csidrivers,
  csinodes,
  csistoragecapacities,
  events,
  namespaces,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  priorityclasses,
  serviceaccounts,
  storageclasses,
  volumeattachments,
} from '../generated/resource-types.ts';
import { type KubeObject, keyOf, type ResourceType } from '../machinery/object/object.ts';
import { type ScheduledCluster, startScheduledCluster } from '../testing/scheduled-cluster.ts';
import { makeNode, makePod } from '../testing/scheduling.ts';

/** What kube-scheduler 1.36 tells a pod that it cannot place, word by word. */

const TAIL = 'no new claims to deallocate, preemption:';
const helpless = (count: number): string =>
  `${TAIL} 0/${count} nodes are available: ${count} Preemption is not helpful for scheduling.`;

const web = { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' };
const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const named = (...names: string[][]) => ({
  affinity: {
    nodeAffinity: {
      [required]: {
        nodeSelectorTerms: [{ matchFields: names.map((values) => ({ key: 'metadata.name', operator: 'In', values })) }],
      },
    },
  },
});
const mounting = (claimName: string) => ({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] });

function makeClaim(name: string, storageClassName: string, volumeName?: string): PersistentVolumeClaim {
  const annotations = volumeName === undefined ? {} : { 'pv.kubernetes.io/bind-completed': 'yes' };
  const resources = { requests: { storage: '10Gi' } };
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName, resources };
  return {
    metadata: { namespace: 'default', name, annotations },
    spec: volumeName === undefined ? spec : { ...spec, volumeName },
  };
}

function makeVolume(name: string, claim: string, more: Partial<PersistentVolume['spec']> = {}): PersistentVolume {
  const spec = {
    capacity: { storage: '10Gi' },
    accessModes: ['ReadWriteOnce'],
    csi: { driver: 'csi.example.com', volumeHandle: name },
    claimRef: { kind: 'PersistentVolumeClaim', namespace: 'default', name: claim },
  };
  return { metadata: { name }, spec: { ...spec, ...more } };
}

type Entry = readonly [type: ResourceType<never>, object: KubeObject];
const entry = <T extends KubeObject>(type: ResourceType<T>, object: T): Entry => [
  type as unknown as ResourceType<never>,
  object,
];
const late = entry(storageclasses, {
  metadata: { name: 'late' },
  provisioner: 'csi.example.com',
  volumeBindingMode: 'WaitForFirstConsumer',
});
const priorities = [
  entry(priorityclasses, { metadata: { name: 'low' }, value: 1 }),
  entry(priorityclasses, { metadata: { name: 'high' }, value: 100 }),
  entry(priorityclasses, { metadata: { name: 'patient' }, value: 100, preemptionPolicy: 'Never' }),
];
const limits = entry(csinodes, {
  metadata: { name: 'a' },
  spec: { drivers: [{ name: 'csi.example.com', nodeID: 'a', allocatable: { count: 1 } }] },
});
const three = { requests: { cpu: '3' } };

interface Story {
  readonly nodes?: readonly Node[];
  readonly more?: readonly Entry[];
  /** Pods that are placed before. */
  readonly first?: readonly Pod[];
  readonly pod: Pod;
  readonly message: string;
}

const stories: Record<string, Story> = {
  'a taint': {
    nodes: [makeNode('a', { taints: [{ key: 'x', effect: 'NoSchedule' }] })],
    pod: makePod('p'),
    message: `0/1 nodes are available: 1 node(s) had untolerated taint(s). ${helpless(1)}`,
  },
  'a node by name that there is not': {
    nodes: [makeNode('a'), makeNode('b')],
    pod: makePod('p', named(['z'])),
    message: `0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. ${helpless(2)}`,
  },
  'a node by name that is too small': {
    nodes: [makeNode('a'), makeNode('b')],
    pod: makePod('p', { requests: { cpu: '9' }, ...named(['a']) }),
    message:
      '0/2 nodes are available: 1 Insufficient cpu, ' +
      `1 node(s) didn't satisfy plugin(s) [NodeAffinity]. ${helpless(2)}`,
  },
  'two names at once': {
    pod: makePod('p', named(['a'], ['b'])),
    message: '0/1 nodes are available: pod affinity terms conflict. not found',
  },
  'a port that is taken': {
    first: [makePod('q', { hostPort: 80 })],
    pod: makePod('p', { hostPort: 80 }),
    message:
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. " +
      `${TAIL} 0/1 nodes are available: 1 No preemption victims found for incoming pod.`,
  },
  'pods nearby that are not there': {
    pod: makePod('p', { affinity: { podAffinity: { [required]: [web] } } }),
    message: `0/1 nodes are available: 1 node(s) didn't match pod affinity rules. ${helpless(1)}`,
  },
  'restarts that a node cannot do': {
    pod: makePod('p', {
      restartPolicy: 'Never',
      initContainers: [
        {
          name: 'i',
          image: 'x',
          restartPolicy: 'Never',
          restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [1] } }],
        },
      ],
    }),
    message: `0/1 nodes are available: 1 node(s) didn't match Pod's required features. ${helpless(1)}`,
  },
  'a claim that is missing': {
    pod: makePod('p', mounting('data')),
    message: '0/1 nodes are available: persistentvolumeclaim "data" not found. not found',
  },
  'a claim that nobody has bound': {
    more: [entry(persistentvolumeclaims, makeClaim('data', 'gone'))],
    pod: makePod('p', mounting('data')),
    message: '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found',
  },
  'a volume that is missing': {
    more: [entry(persistentvolumeclaims, makeClaim('data', '', 'v'))],
    pod: makePod('p', mounting('data')),
    message: '0/1 nodes are available: persistentvolume "v" not found. not found',
  },
  'too little storage': {
    more: [
      late,
      entry(csidrivers, { metadata: { name: 'csi.example.com' }, spec: { storageCapacity: true } }),
      entry(csistoragecapacities, {
        metadata: { namespace: 'default', name: 'c' },
        storageClassName: 'late',
        nodeTopology: {},
        capacity: '50Gi',
        maximumVolumeSize: '1Gi',
      }),
      entry(persistentvolumeclaims, makeClaim('data', 'late')),
    ],
    pod: makePod('p', mounting('data')),
    message: `0/1 nodes are available: 1 node(s) did not have enough free storage. ${helpless(1)}`,
  },
  'too many volumes, one of which waits to be detached': {
    more: [
      limits,
      entry(persistentvolumes, makeVolume('v', 'data')),
      entry(persistentvolumes, makeVolume('other', 'old')),
      entry(persistentvolumeclaims, makeClaim('data', '', 'v')),
      entry(volumeattachments, {
        metadata: { name: 'old' },
        spec: { attacher: 'csi.example.com', nodeName: 'a', source: { persistentVolumeName: 'other' } },
      }),
    ],
    pod: makePod('p', mounting('data')),
    message:
      '0/1 nodes are available: 1 node(s) exceed max volume count. ' +
      `${TAIL} 0/1 nodes are available: 1 No preemption victims found for incoming pod.`,
  },
  'a pod that waits for its turn': {
    more: priorities,
    first: [makePod('q', { ...three, priorityClassName: 'low' })],
    pod: makePod('p', { ...three, priorityClassName: 'patient' }),
    message: `0/1 nodes are available: 1 Insufficient cpu. ${TAIL} not eligible due to preemptionPolicy=Never.`,
  },
  'victims that do not make room enough': {
    more: priorities,
    nodes: [makeNode('a'), makeNode('b', { unschedulable: true })],
    first: [
      makePod('q', { requests: { cpu: '1' }, priorityClassName: 'low' }),
      makePod('r', { ...three, priorityClassName: 'high' }),
    ],
    pod: makePod('p', { ...three, priorityClassName: 'high' }),
    message:
      '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. ' +
      `${TAIL} 0/2 nodes are available: 1 Insufficient cpu, 1 Preemption is not helpful for scheduling.`,
  },
};

describe('a pod that cannot be placed is told', () => {
  let cluster: ScheduledCluster;
  before(async () => {
    cluster = await startScheduledCluster();
    const { admin, until } = cluster;
    await until('the default namespace is there', async () =>
      (await admin.list(namespaces)).items.some(({ metadata }) => metadata.name === 'default'),
    );
    await admin.create(serviceaccounts, { metadata: { namespace: 'default', name: 'default' } }).catch(() => {});
  });
  after(async () => await cluster[Symbol.asyncDispose]());

  for (const [what, { nodes: wanted = [makeNode('a')], more = [], first = [], pod, message }] of Object.entries(
    stories,
  )) {
    it(`of ${what}`, async () => {
      const { admin, until } = cluster;
      for (const [type, object] of more) await admin.create(type, object as never);
      for (const node of wanted) {
        const { taints } = node.spec ?? {};
        await admin.create(nodes, node);
        await admin.patch(nodes, keyOf(node), { spec: { taints: taints ?? null } }, { type: 'merge' });
      }
      for (const each of first) {
        await admin.create(pods, each);
        const isBound = async () => Boolean((await admin.get(pods, keyOf(each))).spec.nodeName);
        await until(`${each.metadata.name} is placed`, isBound);
      }
      await admin.create(pods, pod);
      const condition = async () =>
        (await admin.get(pods, keyOf(pod))).status?.conditions?.find(({ type }) => type === 'PodScheduled');
      await until('it is told', async () => (await condition())?.message !== undefined);
      const { lastTransitionTime: _, lastProbeTime: __, ...told } = (await condition()) ?? {};
      assert.deepEqual(told, {
        type: 'PodScheduled',
        observedGeneration: 1,
        status: 'False',
        reason: 'Unschedulable',
        message,
      });
      await until('an event tells the same', async () =>
        (await admin.list(events)).items.some(
          (event) => event.reason === 'FailedScheduling' && event.action === 'Scheduling' && event.message === message,
        ),
      );
      for (const each of [pod, ...first]) await admin.delete(pods, keyOf(each), { gracePeriodSeconds: 0 });
      for (const node of wanted) await admin.delete(nodes, keyOf(node));
      for (const [type, object] of more) {
        const key = keyOf(object);
        await admin.patch(type, key, { metadata: { finalizers: null } }, { type: 'merge' });
        await admin.delete(type, key).catch(() => {});
      }
    });
  }
});
