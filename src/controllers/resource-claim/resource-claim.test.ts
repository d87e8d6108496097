import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { ResourceClaim, ResourceClaimTemplate } from '../../generated/api/resource/v1.ts';
import { pods, resourceclaims, resourceclaimtemplates } from '../../generated/resource-types.ts';
import { startControllers } from '../../testing/controller-harness.ts';
import { claimFor, claimNameOf, FINALIZER, planClaim, planReservation } from './plan.ts';

const entry = { name: 'gpu', resourceClaimTemplateName: 'gpus' };
const pod = (more: Partial<Pod['status']> = {}, name = 'worker'): Pod => ({
  metadata: { name, namespace: 'default', uid: `${name}-uid` },
  spec: { containers: [], resourceClaims: [entry] },
  status: { phase: 'Pending', ...more },
});
const template: ResourceClaimTemplate = {
  metadata: { name: 'gpus', namespace: 'default' },
  spec: { metadata: { labels: { a: 'b' } }, spec: { devices: {} } },
};
const consumer = (name: string) => ({ resource: 'pods', name, uid: `${name}-uid` });
const allocation = { devices: {} };
const claim = (status: ResourceClaim['status'], metadata: object = {}): ResourceClaim => ({
  metadata: { name: 'c', finalizers: [FINALIZER], ...metadata },
  spec: {},
  status,
});

describe('claimNameOf', () => {
  const statuses = (resourceClaimName?: string) => ({
    resourceClaimStatuses: [{ name: 'gpu', ...(resourceClaimName === undefined ? {} : { resourceClaimName }) }],
  });
  const cases: Record<string, [Pod, object]> = {
    'is not known before the pod tells': [pod(), { step: 'unknown' }],
    'is what the pod tells': [pod(statuses('x')), { step: 'known', name: 'x', generated: true }],
    'is none where the pod goes without': [pod(statuses()), { step: 'none' }],
  };
  for (const [name, [each, wanted]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(claimNameOf(each, entry), wanted));
  }
});

describe('claimFor', () => {
  it('belongs to the pod and says which of its claims it is', () => {
    const { metadata } = claimFor(pod(), entry, template);
    assert.equal(metadata.generateName, 'worker-gpu-');
    assert.deepEqual(metadata.annotations, { 'resource.kubernetes.io/pod-claim-name': 'gpu' });
    assert.deepEqual(metadata.labels, { a: 'b' });
    assert.deepEqual(metadata.ownerReferences, [
      { apiVersion: 'v1', kind: 'Pod', name: 'worker', uid: 'worker-uid', controller: true },
    ]);
  });
  it('shortens both names where they are long', () => {
    const { generateName = '' } = claimFor(pod({}, 'p'.repeat(60)), entry, template).metadata;
    assert.equal(generateName, `${'p'.repeat(52)}-gp`);
  });
});

describe('planClaim', () => {
  const both = claim({ allocation, reservedFor: [consumer('a'), consumer('b')] });
  const cases: Record<string, [ResourceClaim, string[], object]> = {
    'leaves a claim that is used': [both, ['a', 'b'], { dropFinalizer: false }],
    'takes off a consumer that is gone': [
      both,
      ['b'],
      { status: { allocation, reservedFor: [consumer('b')] }, dropFinalizer: false },
    ],
    'ends the allocation with the last one': [both, [], { status: {}, dropFinalizer: true }],
    'lets a deleted claim go that nobody uses': [
      claim({ allocation }, { deletionTimestamp: '2030-01-01T00:00:00Z' }),
      [],
      { status: {}, dropFinalizer: true },
    ],
    'leaves an unused claim that lives': [claim({ allocation }), [], { dropFinalizer: false }],
  };
  for (const [name, [each, left, wanted]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(planClaim(each, left.map(consumer)), wanted));
  }
});

describe('planReservation', () => {
  it('adds a bound pod to an allocated claim, once', () => {
    assert.deepEqual(planReservation(pod(), claim({ allocation })), [consumer('worker')]);
    assert.equal(planReservation(pod(), claim({})), undefined);
    assert.equal(planReservation(pod(), claim({ allocation, reservedFor: [consumer('worker')] })), undefined);
  });
});

describe('the resource claim controller', () => {
  it('makes the claim of a template, tells the pod of it, and removes it when the pod has ended', async () => {
    await using cluster = startControllers(['resourceclaim-controller']);
    const { server, until } = cluster;
    server.put(pods, pod());
    server.put(resourceclaimtemplates, template);
    await until(() => server.all(resourceclaims, 'default').length === 1);
    const [made] = server.all(resourceclaims, 'default');
    const told = () => server.find(pods, 'default', 'worker')?.status?.resourceClaimStatuses?.[0]?.resourceClaimName;
    await until(() => told() === made?.metadata.name);
    const ended = server.find(pods, 'default', 'worker') ?? pod();
    server.put<Pod>(pods, { ...ended, status: { ...ended.status, phase: 'Succeeded' } });
    await until(() => server.all(resourceclaims, 'default').length === 0);
  });
});
