import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../generated/api/core/v1.ts';
import type { StorageClass } from '../generated/api/storage/v1.ts';
import { makeNode, makePod, makeSnapshot, makeVolumeView } from '../testing/scheduling.ts';
import { toPodInfo } from './cache/pod-info.ts';
import { countEnough, decide, toFitMessage } from './cycle.ts';
import type { Snapshot } from './framework/plugin.ts';
import { filterPlugins, scorePlugins } from './plugins/index.ts';

const plugins = { filters: filterPlugins, scores: scorePlugins };
const alone = { random: () => 0, nominatedOn: () => [], startAt: 0 };

const run = (pod: Pod, snapshot: Snapshot) => decide(toPodInfo(pod), snapshot, plugins, alone);
const nodeFor = (pod: Pod, snapshot: Snapshot) => run(pod, snapshot).nodeName;
const whyNot = (pod: Pod, snapshot: Snapshot) => toFitMessage(run(pod, snapshot));

const zone = (name: string) => ({ 'topology.kubernetes.io/zone': name });
const web = { labels: { app: 'web' } };
const aboutWeb = { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' };
const spread = (whenUnsatisfiable: string, topologyKey = 'topology.kubernetes.io/zone') => ({
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey, whenUnsatisfiable, labelSelector: { matchLabels: { app: 'web' } } },
  ],
});

describe('a pod is kept off a node', () => {
  const cases: [what: string, pod: Pod, snapshot: Snapshot, message: string][] = [
    ['that does not exist', makePod('p'), makeSnapshot([]), 'no nodes available to schedule pods'],
    [
      'that is cordoned',
      makePod('p'),
      makeSnapshot([[makeNode('a', { unschedulable: true })]]),
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ],
    [
      'whose taint it does not tolerate',
      makePod('p'),
      makeSnapshot([[makeNode('a', { taints: [{ key: 'x', effect: 'NoSchedule' }] })]]),
      '0/1 nodes are available: 1 node(s) had untolerated taint(s).',
    ],
    [
      'whose labels it does not select',
      makePod('p', { nodeSelector: { disk: 'fast' } }),
      makeSnapshot([[makeNode('a')]]),
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'on which its port is taken',
      makePod('p', { hostPort: 80 }),
      makeSnapshot([[makeNode('a'), makePod('q', { hostPort: 80 })]]),
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ],
    [
      'that lacks room, for each of several reasons',
      makePod('p', { requests: { cpu: '3', memory: '7Gi' } }),
      makeSnapshot([
        [makeNode('a'), makePod('q', { requests: { cpu: '2', memory: '2Gi' } })],
        [makeNode('b'), makePod('r', { requests: { cpu: '2' } })],
      ]),
      '0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu.',
    ],
    [
      'that is full of pods',
      makePod('p'),
      makeSnapshot([[makeNode('a', { allocatable: { pods: '1' } }), makePod('q')]]),
      '0/1 nodes are available: 1 Too many pods.',
    ],
    [
      'that is far from the pods it wants near',
      makePod('p', { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [aboutWeb] } } }),
      makeSnapshot([[makeNode('a')]]),
      "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
    ],
    [
      'that is near the pods it wants far',
      makePod('p', { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [aboutWeb] } } }),
      makeSnapshot([[makeNode('a'), makePod('q', web)]]),
      "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
    ],
    [
      'where a pod wants it far',
      makePod('p', web),
      makeSnapshot([
        [
          makeNode('a'),
          makePod('q', {
            affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [aboutWeb] } },
          }),
        ],
      ]),
      "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
    ],
    [
      'that would skew its spreading, or has no place in it',
      makePod('p', { ...web, ...spread('DoNotSchedule') }),
      makeSnapshot([
        [makeNode('a', { labels: zone('one') }), makePod('q', web)],
        [makeNode('b', { labels: zone('two'), unschedulable: true })],
        [makeNode('c')],
      ]),
      "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints, " +
        "1 node(s) didn't match pod topology spread constraints (missing required label), 1 node(s) were unschedulable.",
    ],
    [
      'whose volume claim does not exist',
      makePod('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] }),
      makeSnapshot([[makeNode('a')]]),
      '0/1 nodes are available: persistentvolumeclaim "data" not found.',
    ],
  ];
  for (const [what, pod, snapshot, message] of cases) {
    it(what, () => {
      assert.equal(nodeFor(pod, snapshot), undefined);
      assert.equal(whyNot(pod, snapshot), message);
    });
  }
});

describe('a pod gets the node', () => {
  const big = { requests: { cpu: '1', memory: '2Gi' } };
  const cases: [what: string, pod: Pod, snapshot: Snapshot, node: string][] = [
    ['with the most room', makePod('p', big), makeSnapshot([[makeNode('a'), makePod('q', big)], [makeNode('b')]]), 'b'],
    [
      'that it prefers, more than one with room',
      makePod('p', {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['fast'] }] } },
            ],
          },
        },
      }),
      makeSnapshot([[makeNode('a')], [makeNode('b', { labels: { disk: 'fast' } }), makePod('q', big)]]),
      'b',
    ],
    [
      'near the pods that it prefers',
      makePod('p', {
        affinity: {
          podAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: aboutWeb }],
          },
        },
      }),
      makeSnapshot([[makeNode('a')], [makeNode('b'), makePod('q', web)]]),
      'b',
    ],
    [
      'far from the pods that it would rather avoid',
      makePod('p', {
        affinity: {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: aboutWeb }],
          },
        },
      }),
      makeSnapshot([[makeNode('a'), makePod('q', web)], [makeNode('b')]]),
      'b',
    ],
    [
      'in the emptier zone where it wishes to be spread',
      makePod('p', { ...web, ...spread('ScheduleAnyway') }),
      makeSnapshot([
        [makeNode('a', { labels: zone('one') }), makePod('q', web)],
        [makeNode('b', { labels: zone('two') })],
      ]),
      'b',
    ],
    [
      'away from its like where nobody says how to spread it',
      makePod('p', web),
      makeSnapshot(
        [
          [makeNode('a'), makePod('q', web)],
          [makeNode('b'), makePod('r')],
        ],
        {
          defaultSpread: () => [{ key: 'app', operator: 'In', values: ['web'] }],
        },
      ),
      'b',
    ],
    [
      'without taints that it would rather avoid',
      makePod('p'),
      makeSnapshot([[makeNode('a', { taints: [{ key: 'x', effect: 'PreferNoSchedule' }] })], [makeNode('b')]]),
      'b',
    ],
    [
      'that holds its image',
      makePod('p', { image: 'big:1' }),
      makeSnapshot([[makeNode('a')], [makeNode('b', { images: [{ names: ['big:1'], sizeBytes: 900 * 2 ** 20 }] })]]),
      'b',
    ],
    [
      'where its first friend may start alone',
      makePod('p', {
        ...web,
        affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [aboutWeb] } },
      }),
      makeSnapshot([[makeNode('a')]]),
      'a',
    ],
    [
      'that it was promised, though another would score better',
      makePod('p', { ...big, nominatedNodeName: 'a' }),
      makeSnapshot([[makeNode('a'), makePod('q', big)], [makeNode('b')]]),
      'a',
    ],
  ];
  for (const [what, pod, snapshot, node] of cases) {
    it(what, () => assert.equal(nodeFor(pod, snapshot), node));
  }
});

describe('room that was promised to others', () => {
  const half = { requests: { cpu: '3' } };

  it('is not given away', () => {
    const promised = toPodInfo(makePod('q', { ...half, priority: 10 }));
    const decision = decide(toPodInfo(makePod('p', half)), makeSnapshot([[makeNode('a')]]), plugins, {
      ...alone,
      nominatedOn: () => [promised],
    });
    assert.equal(decision.nodeName, undefined);
  });
});

describe('volumes', () => {
  const late = {
    metadata: { name: 'late' },
    provisioner: 'x',
    volumeBindingMode: 'WaitForFirstConsumer',
  } as StorageClass;
  const claim = (rest: object = {}): PersistentVolumeClaim =>
    ({
      metadata: { name: 'data', namespace: 'default' },
      spec: { storageClassName: 'late', resources: { requests: { storage: '1Gi' } } },
      ...rest,
    }) as PersistentVolumeClaim;
  const onNode = (name: string): object => ({
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }],
    },
  });
  const pod = makePod('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] });
  const two = [[makeNode('a')], [makeNode('b')]] as const;

  it('tie a pod to the nodes that can reach them', () => {
    const bound = claim({
      metadata: { name: 'data', namespace: 'default', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
      spec: { volumeName: 'pv', storageClassName: 'late' },
    });
    const volume = { metadata: { name: 'pv' }, spec: { nodeAffinity: onNode('b') } } as unknown as PersistentVolume;
    const volumes = makeVolumeView({ claims: [bound], volumes: [volume], classes: [late] });
    assert.equal(nodeFor(pod, makeSnapshot(two, { volumes })), 'b');
  });

  it('wait for their claim where it does not wait for the pod', () => {
    const soon = { ...late, volumeBindingMode: 'Immediate' } as StorageClass;
    const volumes = makeVolumeView({ claims: [claim()], classes: [soon] });
    assert.equal(
      whyNot(pod, makeSnapshot(two, { volumes })),
      '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
    );
  });

  it('are chosen among those that a node can reach, where nobody makes new ones', () => {
    const fixed = { ...late, provisioner: 'kubernetes.io/no-provisioner' } as StorageClass;
    const volume = {
      metadata: { name: 'pv' },
      spec: { storageClassName: 'late', capacity: { storage: '2Gi' }, nodeAffinity: onNode('b') },
      status: { phase: 'Available' },
    } as unknown as PersistentVolume;
    const volumes = makeVolumeView({ claims: [claim()], volumes: [volume], classes: [fixed] });
    assert.equal(nodeFor(pod, makeSnapshot(two, { volumes })), 'b');
  });

  it('are made only where the class allows it', () => {
    const narrow = {
      ...late,
      allowedTopologies: [{ matchLabelExpressions: [{ key: 'kubernetes.io/hostname', values: ['b'] }] }],
    } as StorageClass;
    const volumes = makeVolumeView({ claims: [claim()], classes: [narrow] });
    assert.equal(nodeFor(pod, makeSnapshot(two, { volumes })), 'b');
  });

  it('of a single pod are not given to a second', () => {
    const single = claim({
      metadata: { name: 'data', namespace: 'default', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
      spec: { volumeName: 'pv', storageClassName: 'late', accessModes: ['ReadWriteOncePod'] },
    });
    const volumes = makeVolumeView({
      claims: [single],
      volumes: [{ metadata: { name: 'pv' }, spec: {} } as PersistentVolume],
      classes: [late],
    });
    const other = makePod('q', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] });
    assert.match(whyNot(pod, makeSnapshot([[makeNode('a'), other]], { volumes })), /ReadWriteOncePod access mode/);
  });
});

describe('the number of fitting nodes that is enough', () => {
  for (const [all, enough] of [
    [10, 10],
    [99, 99],
    [100, 100],
    [1000, 420],
    [6000, 300],
  ] as const) {
    it(`is ${enough} of ${all}`, () => assert.equal(countEnough(all), enough));
  }
});
