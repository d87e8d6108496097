import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../generated/api/core/v1.ts';
import type { VolumeAttachment } from '../../generated/api/storage/v1.ts';
import {
  csidrivers,
  events,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  volumeattachments,
} from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { attachmentName, multiAttachMessage, type NodeState, planNode, uniqueName } from './plan.ts';

const MANAGED = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };
const DRIVER = 'csi.example.com';

function makeVolume(name: string, accessModes = ['ReadWriteOnce']): PersistentVolume {
  const csi = { driver: DRIVER, volumeHandle: `handle-${name}` };
  const claimRef = { namespace: 'default', name: `claim-${name}`, uid: `claim-${name}` };
  return { metadata: { name }, spec: { accessModes, csi, claimRef } };
}

function makeNode(name: string, status: Node['status'] = {}, taints: { key: string; effect: string }[] = []): Node {
  return { metadata: { name, annotations: MANAGED }, spec: { taints }, status };
}

function makePod(name: string, nodeName: string, volume: string, namespace = 'default'): Pod {
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: `claim-${volume}` } }];
  return { metadata: { namespace, name, uid: name }, spec: { nodeName, containers: [], volumes } };
}

function makeAttachment(volume: PersistentVolume, nodeName: string, attached: boolean): VolumeAttachment {
  const source = { persistentVolumeName: volume.metadata.name };
  return {
    metadata: { name: attachmentName(volume, nodeName) },
    spec: { attacher: DRIVER, nodeName, source },
    status: { attached },
  };
}

const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
const silent = { conditions: [{ type: 'Ready', status: 'Unknown' }] };
const MINUTE = 60_000;

describe('planNode', () => {
  const volume = makeVolume('v');
  const name = attachmentName(volume, 'a');
  const unique = uniqueName(volume);
  const inUse = { volumesInUse: [unique], volumesAttached: [{ name: unique, devicePath: '' }] };
  const wanted = new Map([[name, { volume, pods: [] }]]);
  const attached = [{ attachment: makeAttachment(volume, 'a', true), volume }];
  const nothing = { attach: [], blocked: new Map(), report: undefined, detach: [], againMs: undefined };
  const outOfService = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }];
  const unneededFor = (ms: number) => ({ unneededSinceMs: new Map([[name, 10 * MINUTE - ms]]) });

  const cases: Record<string, [state: Partial<NodeState>, wanted: Partial<ReturnType<typeof planNode>>]> = {
    'attaches what pods need': [{ wanted }, { attach: [name] }],
    'waits for the other node of a volume that is for one': [
      { wanted, nodesOf: () => ['b'] },
      { blocked: new Map([[name, ['b']]]) },
    ],
    'tells the node what it has': [{ wanted, attachments: attached }, { report: [{ name: unique, devicePath: '' }] }],
    'tells nothing of what is not attached yet': [
      { wanted, attachments: [{ attachment: makeAttachment(volume, 'a', false), volume }] },
      {},
    ],
    'does nothing where all is as it should be': [
      { node: makeNode('a', { ...ready, ...inUse }), wanted, attachments: attached },
      {},
    ],
    'detaches what nobody needs, after telling the node': [
      { node: makeNode('a', { ...ready, ...inUse, volumesInUse: [] }), attachments: attached },
      { report: [], detach: [name] },
    ],
    'waits while it is mounted': [
      { node: makeNode('a', { ...ready, ...inUse }), attachments: attached, ...unneededFor(MINUTE) },
      { againMs: 5 * MINUTE },
    ],
    'waits for as long as a node takes that is ready': [
      { node: makeNode('a', { ...ready, ...inUse }), attachments: attached, ...unneededFor(7 * MINUTE) },
      {},
    ],
    'waits for six minutes for a node that is silent': [
      { node: makeNode('a', { ...silent, ...inUse }), attachments: attached, ...unneededFor(MINUTE) },
      { againMs: 5 * MINUTE },
    ],
    'waits for a silent node no longer': [
      { node: makeNode('a', { ...silent, ...inUse }), attachments: attached, ...unneededFor(6 * MINUTE) },
      { report: [], detach: [name] },
    ],
    'does not wait for a node that is out of service': [
      { node: makeNode('a', { ...silent, ...inUse }, outOfService), attachments: attached, ...unneededFor(0) },
      { report: [], detach: [name] },
    ],
    'does not wait for a node that is gone': [{ node: undefined, attachments: attached }, { detach: [name] }],
  };
  for (const [what, [state, expected]] of Object.entries(cases)) {
    it(what, () => {
      const plan = planNode({
        node: makeNode('a', ready),
        wanted: new Map(),
        attachments: [],
        nodesOf: () => [],
        unneededSinceMs: new Map(),
        nowMs: 10 * MINUTE,
        ...state,
      });
      assert.deepEqual(plan, { ...nothing, ...expected });
    });
  }
});

describe('multiAttachMessage', () => {
  const volume = makeVolume('v');
  const pod = makePod('p', 'a', 'v');
  const [local, foreign] = [makePod('q', 'b', 'v'), makePod('r', 'b', 'v', 'other')];
  const cases: [users: Pod[], message: string][] = [
    [[], "Volume is already exclusively attached to one node and can't be attached to another"],
    [[local], 'Volume is already used by pod(s) q'],
    [[local, foreign], 'Volume is already used by pod(s) q and 1 pod(s) in different namespaces'],
    [[foreign], 'Volume is already used by 1 pod(s) in different namespaces'],
  ];
  for (const [users, message] of cases)
    it(message, () =>
      assert.equal(multiAttachMessage(volume, pod, users), `Multi-Attach error for volume "v" ${message}`),
    );
});

describe('the attach and detach controller', () => {
  it('follows a volume from one node to another', async () => {
    const volume = makeVolume('v');
    const unique = uniqueName(volume);
    const claim: PersistentVolumeClaim = {
      metadata: { namespace: 'default', name: 'claim-v', uid: 'claim-v' },
      spec: { volumeName: 'v' },
    };
    await using harness = startControllers(['persistentvolume-attach-detach-controller'], {}, (server) => {
      server.put(nodes, makeNode('a', ready));
      server.put(nodes, makeNode('b', ready));
      server.put(persistentvolumes, volume);
      server.put(persistentvolumes, makeVolume('free'));
      server.put(persistentvolumeclaims, claim);
      server.put(pods, makePod('first', 'a', 'v'));
    });
    const { server, until } = harness;
    const attachmentsOf = (): string[] => server.all(volumeattachments).map(({ spec }) => spec.nodeName);
    const told = (reason: string): string[] =>
      server
        .all(events)
        .filter((event) => event.reason === reason)
        .map(({ message }) => message ?? '');
    const attachedTo = (node: string) => server.find(nodes, undefined, node)?.status?.volumesAttached;

    await until(() => attachmentsOf().length === 1);
    assert.deepEqual(attachmentsOf(), ['a']);
    assert.equal(attachedTo('a'), undefined);
    server.put(volumeattachments, makeAttachment(volume, 'a', true));
    await until(() => attachedTo('a') !== undefined);
    assert.deepEqual(attachedTo('a'), [{ name: unique, devicePath: '' }]);
    await until(() => told('SuccessfulAttachVolume').length === 1);
    assert.deepEqual(told('SuccessfulAttachVolume'), ['AttachVolume.Attach succeeded for volume "v" ']);

    server.put(pods, makePod('second', 'b', 'v'));
    await until(() => told('FailedAttachVolume').length === 1);
    assert.deepEqual(told('FailedAttachVolume'), [
      'Multi-Attach error for volume "v" Volume is already used by pod(s) first',
    ]);

    const status = { ...ready, volumesInUse: [unique], volumesAttached: [{ name: unique, devicePath: '' }] };
    server.put(nodes, makeNode('a', status));
    server.remove(pods, 'default', 'first');
    await harness.settle();
    assert.deepEqual(attachmentsOf(), ['a']);
    server.put(nodes, makeNode('a', { ...status, volumesInUse: [] }));
    await until(() => attachmentsOf()[0] === 'b');
    assert.equal(attachedTo('a')?.length ?? 0, 0);
  });

  it('leaves volumes alone whose driver does not attach', async () => {
    await using harness = startControllers(['persistentvolume-attach-detach-controller'], {}, (server) => {
      server.put(nodes, makeNode('a', ready));
      server.put(csidrivers, { metadata: { name: DRIVER }, spec: { attachRequired: false } });
      server.put(persistentvolumes, makeVolume('v'));
      const metadata = { namespace: 'default', name: 'claim-v', uid: 'claim-v' };
      server.put(persistentvolumeclaims, { metadata, spec: { volumeName: 'v' } });
      server.put(pods, makePod('first', 'a', 'v'));
    });
    await harness.settle();
    assert.deepEqual(harness.server.all(volumeattachments), []);
  });
});
