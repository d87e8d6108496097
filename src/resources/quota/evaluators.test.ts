import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../../generated/api/core/v1.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import { exceeded, fromAmounts, growth, toAmounts } from './amounts.ts';
import { changesClaimUsage, claimEvaluator } from './claim-evaluator.ts';
import { deviceClaimEvaluator } from './device-claim-evaluator.ts';
import { countEvaluator, type Evaluator, isInScopes } from './evaluator.ts';
import { podEvaluator } from './pod-evaluator.ts';
import { serviceEvaluator } from './service-evaluator.ts';

const asObject = (value: unknown): KubeObject => value as KubeObject;
const usageOf = (evaluator: Evaluator, object: unknown, nowMs = 0): Record<string, string> =>
  fromAmounts(evaluator.usage(asObject(object), nowMs));

function pod(spec: Partial<Pod['spec']> = {}, status: Pod['status'] = {}): Pod {
  const containers = [{ name: 'c', resources: { requests: { cpu: '500m', memory: '64Mi' } } }];
  return { metadata: { name: 'p' }, spec: { containers, ...spec }, status };
}

const one = { 'count/pods': '1', pods: '1' };
const podCases: Record<string, [Pod, Record<string, string>]> = {
  'counts requests by both names': [
    pod(),
    { ...one, cpu: '500m', 'requests.cpu': '500m', memory: '64Mi', 'requests.memory': '64Mi' },
  ],
  'counts the larger of containers and init containers, sidecars beside both': [
    pod({
      initContainers: [
        { name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '100m' } } },
        { name: 'i', resources: { requests: { cpu: '1' }, limits: { cpu: '2' } } },
      ],
    }),
    {
      ...one,
      cpu: '1100m',
      'requests.cpu': '1100m',
      memory: '64Mi',
      'requests.memory': '64Mi',
      'limits.cpu': '2',
    },
  ],
  'takes what the pod asks for as a whole above its containers, and adds the overhead': [
    pod({ resources: { requests: { cpu: '2' } }, overhead: { cpu: '250m' } }),
    { ...one, cpu: '2250m', 'requests.cpu': '2250m', memory: '64Mi', 'requests.memory': '64Mi' },
  ],
  'counts huge pages by both names and extended resources as requests': [
    pod({ containers: [{ name: 'c', resources: { requests: { 'hugepages-2Mi': '4Mi', 'acme.com/gpu': '2' } } }] }),
    { ...one, 'hugepages-2Mi': '4Mi', 'requests.hugepages-2Mi': '4Mi', 'requests.acme.com/gpu': '2' },
  ],
  'counts what a container still holds while it shrinks': [
    pod({}, { containerStatuses: [{ name: 'c', resources: { requests: { cpu: '2' } } }] as never }),
    { ...one, cpu: '2', 'requests.cpu': '2', memory: '64Mi', 'requests.memory': '64Mi' },
  ],
  'counts an ended pod as an object only': [pod({}, { phase: 'Succeeded' }), { 'count/pods': '1' }],
};

describe('podEvaluator', () => {
  for (const [title, [object, wanted]] of Object.entries(podCases)) {
    it(title, () => assert.deepEqual(usageOf(podEvaluator, object), wanted));
  }
  it('does not wait for pods that outlived their grace', () => {
    const lost = { ...pod(), metadata: { deletionTimestamp: '1970-01-01T00:00:10Z', deletionGracePeriodSeconds: 5 } };
    assert.equal(usageOf(podEvaluator, lost, 15_000)['pods'], '1');
    assert.deepEqual(usageOf(podEvaluator, lost, 15_001), { 'count/pods': '1' });
  });
  it('demands cpu and memory of each container where they are limited', () => {
    const object = asObject(pod({ initContainers: [{ name: 'i' }, { name: 'a' }] }));
    const names = ['limits.cpu', 'cpu', 'pods', 'requests.ephemeral-storage'];
    assert.equal(podEvaluator.faultOf?.(object, names), 'must specify cpu for: a,i; limits.cpu for: a,c,i');
    assert.equal(podEvaluator.faultOf?.(object, ['pods']), undefined);
    const whole = asObject(pod({ resources: { limits: { memory: '1Gi' } } }));
    assert.equal(podEvaluator.faultOf?.(whole, names), undefined);
  });
  const names: Record<string, boolean> = {
    'count/pods': true,
    cpu: true,
    'limits.memory': true,
    'requests.hugepages-2Mi': true,
    'requests.acme.com/gpu': true,
    'acme.com/gpu': false,
    'requests.storage': false,
    services: false,
  };
  for (const [name, wanted] of Object.entries(names)) {
    it(`${wanted ? 'counts' : 'leaves'} ${name}`, () => assert.equal(podEvaluator.counts(name), wanted));
  }
});

describe('isInScopes', () => {
  const plain = (...scopes: string[]): ResourceQuota['spec'] => ({ scopes });
  const select = (operator: string, ...values: string[]): ResourceQuota['spec'] => ({
    scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator, values }] },
  });
  const high = pod({ priorityClassName: 'high' });
  const crossing = pod({
    affinity: {
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'k', namespaces: ['x'] }] },
    },
  });
  const cases: [string, ResourceQuota['spec'], Pod, boolean][] = [
    ['a pod with requests', plain('NotBestEffort'), pod(), true],
    ['a pod with requests', plain('BestEffort'), pod(), false],
    ['a pod without requests', plain('BestEffort', 'NotTerminating'), pod({ containers: [{ name: 'c' }] }), true],
    ['a pod that ends by itself', plain('Terminating'), pod({ activeDeadlineSeconds: 0 }), true],
    ['a pod with a class', plain('PriorityClass'), high, true],
    ['a pod of the class', select('In', 'high', 'low'), high, true],
    ['a pod of another class', select('NotIn', 'low'), high, true],
    ['a pod without a class', select('NotIn', 'low'), pod(), true],
    ['a pod without a class', select('In', 'low'), pod(), false],
    ['a pod without a class', select('DoesNotExist'), pod(), true],
    ['a pod that looks at other namespaces', plain('CrossNamespacePodAffinity'), crossing, true],
    ['a pod that does not', plain('CrossNamespacePodAffinity'), pod(), false],
    ['a pod', plain('VolumeAttributesClass'), pod(), false],
  ];
  for (const [who, spec, object, wanted] of cases) {
    it(`${wanted ? 'takes' : 'leaves'} ${who} under ${JSON.stringify(spec)}`, () => {
      assert.equal(isInScopes(podEvaluator, { metadata: {}, spec }, asObject(object)), wanted);
    });
  }
});

describe('the evaluators of other kinds', () => {
  it('count node ports by what is wished', () => {
    const usage = (spec: Service['spec']) => usageOf(serviceEvaluator, { spec });
    const ports = [{ port: 80, nodePort: 30080 }, { port: 443 }];
    assert.equal(usage({ type: 'LoadBalancer', ports })['services.nodeports'], '2');
    assert.equal(
      usage({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports })['services.nodeports'],
      '1',
    );
    assert.equal(usage({ type: 'ClusterIP', ports })['services.nodeports'], '0');
    assert.equal(usage({ type: 'LoadBalancer', ports })['services.loadbalancers'], '1');
  });
  it('count storage by class, in whole bytes, or what is allocated already', () => {
    const claim = (storage: string, allocated?: string): unknown => ({
      metadata: { name: 'c' },
      spec: { storageClassName: 'fast', resources: { requests: { storage } } },
      ...(allocated === undefined ? {} : { status: { allocatedResources: { storage: allocated } } }),
    });
    assert.deepEqual(usageOf(claimEvaluator, claim('1Gi')), {
      persistentvolumeclaims: '1',
      'count/persistentvolumeclaims': '1',
      'fast.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'requests.storage': '1Gi',
      'fast.storageclass.storage.k8s.io/requests.storage': '1Gi',
    });
    assert.equal(usageOf(claimEvaluator, claim('100m'))['requests.storage'], '1');
    assert.equal(usageOf(claimEvaluator, claim('1Gi', '2Gi'))['requests.storage'], '2Gi');
    const [small, large] = [claim('1Gi'), claim('1Gi', '2Gi')] as [KubeObject, KubeObject];
    assert.equal(changesClaimUsage(large, small), true);
    assert.equal(changesClaimUsage(small, small), false);
  });
  it('put claims under the scope of their attributes class', () => {
    const claim = { metadata: {}, spec: { volumeAttributesClassName: 'gold' } } as PersistentVolumeClaim;
    const scope = { scopeName: 'VolumeAttributesClass', operator: 'In', values: ['gold'] };
    assert.equal(claimEvaluator.isInScope(asObject(claim), scope), true);
    assert.equal(claimEvaluator.isInScope(asObject({ metadata: {}, spec: {} }), scope), false);
  });
  it('count devices by class, alternatives at their worst', () => {
    const requests = [
      { name: 'a', exactly: { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 2 } },
      {
        name: 'b',
        firstAvailable: [
          { name: 'x', deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 },
          { name: 'y', deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 4 },
          { name: 'z', deviceClassName: 'tpu', allocationMode: 'All' },
        ],
      },
    ];
    assert.deepEqual(usageOf(deviceClaimEvaluator, { spec: { devices: { requests } } }), {
      'count/resourceclaims.resource.k8s.io': '1',
      'gpu.deviceclass.resource.k8s.io/devices': '6',
      'tpu.deviceclass.resource.k8s.io/devices': '32',
    });
  });
  it('count plain objects, a few by an old name too', () => {
    assert.deepEqual(usageOf(countEvaluator({ group: 'batch', plural: 'jobs' }), {}), { 'count/jobs.batch': '1' });
    assert.deepEqual(usageOf(countEvaluator({ group: '', plural: 'secrets' }), {}), {
      'count/secrets': '1',
      secrets: '1',
    });
  });
});

describe('amounts', () => {
  it('grow by what is new and never shrink', () => {
    const before = toAmounts({ cpu: '1', memory: '1Gi' });
    assert.deepEqual(fromAmounts(growth(toAmounts({ cpu: '1500m', memory: '1Mi' }), before)), {
      cpu: '500m',
      memory: '0',
    });
  });
  it('tell which limits they exceed', () => {
    assert.deepEqual(exceeded(toAmounts({ a: '2', b: '2', c: '9' }), toAmounts({ a: '1', b: '2' })), ['a']);
  });
});
