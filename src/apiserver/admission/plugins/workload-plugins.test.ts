import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { admit, attemptOf, authorizerOf, readerOf } from '../../../testing/admission.ts';
import { FakeFeed } from '../../../testing/fake-feed.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { limitRanger } from './limit-ranger.ts';
import { mergeTolerations } from './merge-tolerations.ts';
import { nodeDeclaredFeatureValidator } from './node-declared-features.ts';
import { ownerReferencesPermissionEnforcement } from './owner-references-permission.ts';
import { podNodeSelector } from './pod-node-selector.ts';
import { podResizeValidator } from './pod-resize-validator.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { priority } from './priority.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';

const container = (more: object = {}) => ({ name: 'c', image: 'x', ...more });
const pod = (spec: object = {}, metadata: object = {}) => ({
  metadata: { name: 'p', namespace: 'ns', ...metadata },
  spec: { containers: [container()], ...spec },
});
type Changed = { spec: Record<string, unknown>; metadata: Record<string, unknown> };
const changed = (attempt: { object?: unknown }): Changed => attempt.object as Changed;

describe('limitRanger', () => {
  const plugin = (...limits: object[]) =>
    limitRanger({
      feed: new FakeFeed({ limitranges: [{ metadata: { name: 'l', namespace: 'ns' }, spec: { limits } }] }),
    });
  const amounts = (requests: object | undefined, limits?: object) =>
    pod({ containers: [container({ resources: { requests, limits } })] });
  const claim = (storage: string) =>
    attemptOf({
      resource: 'persistentvolumeclaims',
      kind: { group: '', version: 'v1', kind: 'PersistentVolumeClaim' },
      object: { metadata: { name: 'd' }, spec: { resources: { requests: { storage } } } },
    });

  it('gives containers the defaults that they lack, and says so', async () => {
    const attempt = attemptOf({ object: amounts({ cpu: '1' }) });
    const limits = {
      type: 'Container',
      default: { memory: '2Gi', cpu: '2' },
      defaultRequest: { memory: '1Gi', cpu: '100m' },
    };
    assert.equal(await admit(plugin(limits), attempt), undefined);
    const [first] = changed(attempt).spec['containers'] as [{ resources: unknown }];
    assert.deepEqual(first.resources, { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi', cpu: '2' } });
    assert.deepEqual(changed(attempt).metadata['annotations'], {
      'kubernetes.io/limit-ranger':
        'LimitRanger plugin set: memory request for container c; cpu, memory limit for container c',
    });
  });

  const refusals: Record<string, [item: object, object: object, why: string]> = {
    'less than the least': [
      { type: 'Container', min: { cpu: '1' } },
      amounts({ cpu: '500m' }),
      'minimum cpu usage per Container is 1, but request is 500m',
    ],
    'nothing where there is a least': [
      { type: 'Container', min: { cpu: '1' } },
      pod(),
      'minimum cpu usage per Container is 1.  No request is specified',
    ],
    'a limit below the least': [
      { type: 'Container', min: { cpu: '1' } },
      amounts({ cpu: '1' }, { cpu: '900m' }),
      'minimum cpu usage per Container is 1, but limit is 900m',
    ],
    'more than the most': [
      { type: 'Container', max: { cpu: '1' } },
      amounts({}, { cpu: '2' }),
      'maximum cpu usage per Container is 1, but limit is 2',
    ],
    'no limit where there is a most': [
      { type: 'Container', max: { cpu: '1' } },
      pod(),
      'maximum cpu usage per Container is 1.  No limit is specified',
    ],
    'too wide a ratio': [
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      amounts({ cpu: '1' }, { cpu: '2500m' }),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000',
    ],
    'a whole pod beyond the most': [
      { type: 'Pod', max: { memory: '1Gi' } },
      pod({
        containers: [
          container({ resources: { limits: { memory: '600Mi' } } }),
          container({ name: 'd', resources: { limits: { memory: '600Mi' } } }),
        ],
      }),
      'maximum memory usage per Pod is 1Gi, but limit is 1200Mi',
    ],
  };
  for (const [title, [item, object, why]] of Object.entries(refusals)) {
    it(`refuses ${title}`, async () => {
      assert.equal(await admit(plugin(item), attemptOf({ object })), `pods "p" is forbidden: ${why}`);
    });
  }
  it('tells all faults of a range at once', async () => {
    const item = { type: 'Container', min: { cpu: '1' }, max: { cpu: '1' } };
    const why =
      '[minimum cpu usage per Container is 1.  No request is specified, maximum cpu usage per Container is 1.  No limit is specified]';
    assert.equal(await admit(plugin(item), attemptOf({ object: pod() })), `pods "p" is forbidden: ${why}`);
  });
  it('limits the storage of claims', async () => {
    const item = { type: 'PersistentVolumeClaim', max: { storage: '2Gi' } };
    assert.equal(await admit(plugin(item), claim('1Gi')), undefined);
    assert.equal(
      await admit(plugin(item), claim('3Gi')),
      'persistentvolumeclaims "d" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    );
  });
  it('leaves plain updates, what is being deleted, and judges resizes', async () => {
    const item = { type: 'Container', max: { cpu: '1' } };
    const over = amounts({}, { cpu: '2' });
    assert.equal(await admit(plugin(item), attemptOf({ object: over, previous: pod() })), undefined);
    const going = pod({}, { deletionTimestamp: '2030-01-01T00:00:00Z' });
    assert.equal(
      await admit(plugin(item), attemptOf({ subresource: 'resize', object: over, previous: going })),
      undefined,
    );
    assert.match(
      (await admit(plugin(item), attemptOf({ subresource: 'resize', object: over, previous: pod() }))) ?? '',
      /maximum cpu/,
    );
  });
});

describe('serviceAccount', () => {
  const account = (name: string, more: object = {}) => ({ metadata: { name, namespace: 'ns' }, ...more });
  const none = { sleep: async () => {} };
  const plugin = (...serviceaccounts: object[]) =>
    serviceAccount({ reader: readerOf({ serviceaccounts }), clock: none });

  it('gives pods the default account, its token and its pull secrets', async () => {
    const attempt = attemptOf({ object: pod() });
    assert.equal(await admit(plugin(account('default', { imagePullSecrets: [{ name: 's' }] })), attempt), undefined);
    const { spec } = changed(attempt);
    assert.equal(spec['serviceAccountName'], 'default');
    assert.deepEqual(spec['imagePullSecrets'], [{ name: 's' }]);
    const [volume] = spec['volumes'] as [{ name: string }];
    assert.match(volume.name, /^kube-api-access-/);
  });
  it('waits a while for the default account, and not for others', async () => {
    let sleeps = 0;
    const reader = readerOf({});
    const clock = { sleep: async () => void sleeps++ };
    assert.match((await admit(serviceAccount({ reader, clock }), attemptOf({ object: pod() }))) ?? '', /not found$/);
    assert.equal(sleeps, 59);
    assert.equal(
      await admit(serviceAccount({ reader, clock }), attemptOf({ object: pod({ serviceAccountName: 'x' }) })),
      'pods "p" is forbidden: error looking up service account ns/x: serviceaccount "x" not found',
    );
    assert.equal(sleeps, 59);
  });
  const strict = account('default', {
    metadata: { name: 'default', namespace: 'ns', annotations: { 'kubernetes.io/enforce-mountable-secrets': '1' } },
    secrets: [{ name: 'known' }],
  });
  const secrets: Record<string, [object, string | undefined]> = {
    'a known secret': [{ volumes: [{ name: 'v', secret: { secretName: 'known' } }] }, undefined],
    'an unknown volume': [
      { volumes: [{ name: 'v', secret: { secretName: 's' } }] },
      'volume with secret.secretName="s" is not allowed because service account default does not reference that secret',
    ],
    'an unknown variable': [
      { containers: [container({ env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] })] },
      'container c with envVar E referencing secret.secretName="s" is not allowed because service account default does not reference that secret',
    ],
    'an unknown source of variables': [
      { initContainers: [container({ name: 'i', envFrom: [{ secretRef: { name: 's' } }] })] },
      'init container i with envFrom referencing secret.secretName="s" is not allowed because service account default does not reference that secret',
    ],
    'an unknown pull secret': [
      { imagePullSecrets: [{ name: 's' }] },
      'imagePullSecrets[0].name="s" is not allowed because service account default does not reference that imagePullSecret',
    ],
  };
  for (const [title, [spec, why]] of Object.entries(secrets)) {
    it(`${why === undefined ? 'lets through' : 'refuses'} ${title} where only mountable ones are allowed`, async () => {
      const wanted = why === undefined ? undefined : `pods "p" is forbidden: ${why}`;
      assert.equal(await admit(plugin(strict), attemptOf({ object: pod(spec) })), wanted);
    });
  }
  it('lets mirror pods name nothing', async () => {
    const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' } };
    assert.equal(await admit(plugin(), attemptOf({ object: pod({}, mirror) })), undefined);
    const why = await admit(plugin(), attemptOf({ object: pod({ serviceAccountName: 'a' }, mirror) }));
    assert.equal(why, 'pods "p" is forbidden: a mirror pod may not reference service accounts');
  });
});

describe('priority', () => {
  const classes = [
    { metadata: { name: 'usual' }, value: 5, globalDefault: true },
    { metadata: { name: 'high' }, value: 9, preemptionPolicy: 'Never' },
  ];
  const plugin = (...priorityclasses: object[]) => priority({ reader: readerOf({ priorityclasses }) });
  const resolved = async (spec: object, known: readonly object[] = classes): Promise<unknown> => {
    const attempt = attemptOf({ object: pod(spec) });
    const refusal = await admit(plugin(...known), attempt);
    const { priorityClassName, priority: value, preemptionPolicy } = changed(attempt).spec;
    return refusal ?? [priorityClassName, value, preemptionPolicy];
  };
  it('resolves classes, the default one, and none', async () => {
    assert.deepEqual(await resolved({ priorityClassName: 'high' }), ['high', 9, 'Never']);
    assert.deepEqual(await resolved({}), ['usual', 5, undefined]);
    assert.deepEqual(await resolved({}, []), [undefined, 0, 'PreemptLowerPriority']);
  });
  it('refuses unknown classes and numbers of its own', async () => {
    assert.equal(
      await resolved({ priorityClassName: 'x' }),
      'pods "p" is forbidden: no PriorityClass with name x was found',
    );
    assert.match(
      String(await resolved({ priority: 3 })),
      /the integer value of priority \(3\) must not be provided in pod spec; priority admission controller computed 5/,
    );
    assert.match(
      String(await resolved({ priorityClassName: 'high', preemptionPolicy: 'X' })),
      /the string value of PreemptionPolicy \(X\)/,
    );
  });
  it('keeps one default class', async () => {
    const facts = { group: 'scheduling.k8s.io', resource: 'priorityclasses' };
    const second = attemptOf({ ...facts, object: { metadata: { name: 'new' }, globalDefault: true } });
    assert.equal(
      await admit(plugin(...classes), second),
      'priorityclasses.scheduling.k8s.io "new" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    );
    const own = attemptOf({ ...facts, object: classes[0], previous: classes[0] });
    assert.equal(await admit(plugin(...classes), own), undefined);
  });
});

describe('tolerations', () => {
  it('outlive five minutes of a lost node, unless the pod says otherwise', async () => {
    const own = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 7 };
    const attempt = attemptOf({ object: pod({ tolerations: [own] }) });
    await admit(defaultTolerationSeconds(), attempt);
    const added = { ...own, key: 'node.kubernetes.io/unreachable', tolerationSeconds: 300 };
    assert.deepEqual(changed(attempt).spec['tolerations'], [own, added]);
  });
  const cases: Record<string, [first: object[], second: object[], merged: object[]]> = {
    'keeps what differs': [
      [{ key: 'a', operator: 'Exists' }],
      [{ key: 'b', operator: 'Exists' }],
      [
        { key: 'a', operator: 'Exists' },
        { key: 'b', operator: 'Exists' },
      ],
    ],
    'keeps twins once': [
      [{ key: 'a', operator: 'Equal', value: '1' }],
      [{ key: 'a', operator: 'Equal', value: '1' }],
      [{ key: 'a', operator: 'Equal', value: '1' }],
    ],
    'drops what a later one covers': [
      [{ key: 'a', operator: 'Equal', value: '1', effect: 'NoSchedule' }],
      [{ key: 'a', operator: 'Exists' }],
      [{ key: 'a', operator: 'Exists' }],
    ],
    'drops what one for all covers': [
      [{ operator: 'Exists' }],
      [{ key: 'a', operator: 'Exists' }],
      [{ operator: 'Exists' }],
    ],
    'keeps the longer one': [
      [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
      [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 9 }],
      [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 9 }],
    ],
  };
  for (const [title, [first, second, merged]] of Object.entries(cases)) {
    it(title, () => assert.deepEqual(mergeTolerations(first, second), merged));
  }
});

describe('runtimeClass', () => {
  const found = {
    metadata: { name: 'vm' },
    overhead: { podFixed: { cpu: '250m' } },
    scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm', operator: 'Exists' }] },
  };
  const plugin = runtimeClass({ reader: readerOf({ runtimeclasses: [found] }) });
  it('gives pods what running them takes', async () => {
    const attempt = attemptOf({ object: pod({ runtimeClassName: 'vm', nodeSelector: { a: 'b' } }) });
    assert.equal(await admit(plugin, attempt), undefined);
    const { overhead, nodeSelector, tolerations } = changed(attempt).spec;
    assert.deepEqual(
      [overhead, nodeSelector, tolerations],
      [{ cpu: '250m' }, { a: 'b', vm: 'yes' }, found.scheduling.tolerations],
    );
  });
  const refusals: Record<string, [object, string]> = {
    'unknown classes': [{ runtimeClassName: 'x' }, 'pod rejected: RuntimeClass "x" not found'],
    'another overhead': [
      { runtimeClassName: 'vm', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    'an overhead without a class': [
      { overhead: { cpu: '1' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    'another choice of nodes': [
      { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    ],
  };
  for (const [title, [spec, why]] of Object.entries(refusals)) {
    it(`refuses ${title}`, async () => {
      assert.equal(await admit(plugin, attemptOf({ object: pod(spec) })), `pods "p" is forbidden: ${why}`);
    });
  }
});

describe('plugins that look at the node of a pod', () => {
  const node = {
    metadata: { name: 'n', labels: { 'topology.kubernetes.io/zone': 'z', other: 'o', 'kubernetes.io/os': 'linux' } },
    status: { allocatable: { cpu: '2', memory: '1Gi' } },
  };
  const windows = { metadata: { name: 'w', labels: { 'kubernetes.io/os': 'windows' } } };
  const deps = { reader: readerOf({ nodes: [node, windows] }) };

  it('copy its place to pods and to bindings', async () => {
    const made = attemptOf({ object: pod({ nodeName: 'n' }, { labels: { a: 'b' } }) });
    const bound = attemptOf({
      subresource: 'binding',
      object: { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } },
    });
    for (const attempt of [made, bound]) await admit(podTopologyLabels(deps), attempt);
    assert.deepEqual(changed(made).metadata['labels'], { a: 'b', 'topology.kubernetes.io/zone': 'z' });
    assert.deepEqual(changed(bound).metadata['labels'], { 'topology.kubernetes.io/zone': 'z' });
  });

  const resize = (nodeName: string, cpu: string, more: object = {}) =>
    attemptOf({
      subresource: 'resize',
      object: pod(
        { nodeName, containers: [container({ resources: { requests: { cpu } } })], ...more },
        { generation: 2 },
      ),
      previous: pod({ nodeName }, { generation: 1 }),
    });
  it('keep resizes to what it has', async () => {
    const plugin = podResizeValidator(deps);
    assert.equal(await admit(plugin, resize('n', '2')), undefined);
    assert.equal(
      await admit(plugin, resize('n', '2500m')),
      `pods "p" is forbidden: node didn't have enough allocatable resources: cpu, requested: 2500, allocatable: 2000`,
    );
    assert.match((await admit(plugin, resize('w', '1'))) ?? '', /only supported on linux nodes, node "w" is "windows"/);
    assert.match((await admit(plugin, resize('gone', '1'))) ?? '', /node "gone" not found/);
  });
  it('keep changes to what its kubelet declares', async () => {
    const plugin = nodeDeclaredFeatureValidator(deps);
    assert.equal(await admit(plugin, resize('n', '1')), undefined);
    assert.equal(
      await admit(plugin, resize('n', '1', { resources: { requests: { cpu: '1' } } })),
      'pods "p" is forbidden: pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available on node "n"',
    );
  });
});

describe('plugins that are off', () => {
  it('PodNodeSelector adds the selector of the namespace, and refuses another', async () => {
    const annotations = { 'scheduler.alpha.kubernetes.io/node-selector': 'pool=a' };
    const plugin = podNodeSelector({
      reader: readerOf({ namespaces: [{ metadata: { name: 'ns', annotations } }] }),
      allowed: { ns: 'pool=a,disk=ssd' },
    });
    const attempt = attemptOf({ object: pod({ nodeSelector: { disk: 'ssd' } }) });
    assert.equal(await admit(plugin, attempt), undefined);
    assert.deepEqual(changed(attempt).spec['nodeSelector'], { pool: 'a', disk: 'ssd' });
    const refusal = (nodeSelector: object) => admit(plugin, attemptOf({ object: pod({ nodeSelector }) }));
    assert.equal(
      await refusal({ pool: 'b' }),
      'pods "p" is forbidden: pod node label selector conflicts with its namespace node label selector',
    );
    assert.equal(
      await refusal({ x: 'y' }),
      'pods "p" is forbidden: pod node label selector labels conflict with its namespace whitelist',
    );
  });

  it('OwnerReferencesPermissionEnforcement asks for deletion and for finalizers', async () => {
    const definition = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
    const groups = [{ group: '', versions: [{ version: 'v1', resources: [{ definition }] }] }];
    const plugin = (...allowed: string[]) =>
      ownerReferencesPermissionEnforcement({
        authorizer: authorizerOf(...allowed),
        catalog: { resourcesSnapshot: () => ({ groups }) } as never,
      });
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'o', uid: 'u', blockOwnerDeletion: true };
    const made = attemptOf({ object: pod({}, { ownerReferences: [owner] }) });
    const updated = attemptOf({ object: pod({}, { ownerReferences: [owner] }), previous: pod() });
    assert.match(
      (await admit(plugin(), made)) ?? '',
      /refers to a resource you can't set finalizers on: not granted, <nil>$/,
    );
    assert.equal(await admit(plugin('update pods o'), made), undefined);
    assert.equal(await admit(plugin('update * *'), made), undefined);
    assert.match(
      (await admit(plugin('update * *'), updated)) ?? '',
      /cannot set an ownerRef on a resource you can't delete: not granted, <nil>$/,
    );
    assert.equal(await admit(plugin('update * *', 'delete pods p'), updated), undefined);
  });
});
