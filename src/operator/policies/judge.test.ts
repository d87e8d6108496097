import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type VirtualCluster, type VirtualClusterSpec, withDefaults } from '../api/virtual-cluster.ts';
import type { VirtualClusterPolicy, VirtualClusterPolicySpec } from '../api/virtual-cluster-policy.ts';
import { isFor, judgePolicies, withPolicyDefaults } from './judge.ts';

const policy = (spec: VirtualClusterPolicySpec, name = 'p'): VirtualClusterPolicy => ({ metadata: { name }, spec });
const cluster = (spec: VirtualClusterSpec = {}, labels: Record<string, string> = {}, made = '1'): VirtualCluster => ({
  metadata: { namespace: 'a', name: 'demo', labels, creationTimestamp: `2030-01-0${made}T00:00:00Z` },
  spec,
});

describe('judgePolicies', () => {
  const limits = { limits: { resources: { memory: '1Gi' } } };
  const memory = (amount: string) => ({ controlPlane: { resources: { limits: { memory: amount } } } });
  const gateway = { host: 'a.example.com', parentRefs: [{ name: 'g' }] };
  const rows: Record<
    string,
    [policy: VirtualClusterPolicySpec, spec: VirtualClusterSpec, nodes: number, reasons: string[]]
  > = {
    'takes all where nothing is said': [{}, { exposure: { type: 'LoadBalancer' } }, 9, []],
    'takes an exposure that is named': [{ allowed: { exposures: ['NodePort'] } }, {}, 0, []],
    'refuses one that is not': [{ allowed: { exposures: ['ClusterIP'] } }, {}, 0, ['ExposureNotAllowed']],
    'refuses a Gateway that is not named': [
      { allowed: { exposures: ['NodePort'] } },
      { exposure: { gateway } },
      0,
      ['PublicationNotAllowed'],
    ],
    'takes a Gateway that is': [{ allowed: { exposures: ['NodePort', 'Gateway'] } }, { exposure: { gateway } }, 0, []],
    'judges the version that is served where none is asked for': [
      { allowed: { versions: ['v1.35'] } },
      {},
      0,
      ['VersionNotAllowed'],
    ],
    'judges the minor version of a patch': [{ allowed: { versions: ['v1.36'] } }, { version: 'v1.36.2' }, 0, []],
    'refuses a datastore': [{ allowed: { datastores: ['PostgreSQL'] } }, {}, 0, ['DatastoreNotAllowed']],
    'takes what is within the limits': [limits, memory('1024Mi'), 0, []],
    'refuses what is beyond': [limits, memory('1025Mi'), 0, ['ResourcesExceeded']],
    'wants a limit where there is one to keep': [limits, {}, 0, ['ResourcesExceeded']],
    'tells of too many machines': [{ limits: { nodes: 2 } }, {}, 3, ['TooManyNodes']],
  };
  for (const [title, [given, spec, nodes, reasons]] of Object.entries(rows)) {
    it(title, () => {
      const around = { siblings: () => [], served: 'v1.36.2+warren1' };
      const verdict = judgePolicies(
        { cluster: cluster(spec), spec: withDefaults(spec), nodes },
        [policy(given)],
        around,
      );
      assert.deepEqual(
        verdict.violations.map(({ reason }) => reason),
        reasons,
      );
    });
  }

  it('counts the older ones of a namespace, and takes the smallest number of machines', () => {
    const policies = [
      policy({ limits: { virtualClustersPerNamespace: 1, nodes: 5 } }),
      policy({ limits: { nodes: 3 } }, 'q'),
    ];
    const [older, younger] = ['1', '2'].map((day) => cluster({}, {}, day)) as [VirtualCluster, VirtualCluster];
    const around = { siblings: () => [older, younger], served: 'v1.36.2' };
    const judge = (each: VirtualCluster) =>
      judgePolicies({ cluster: each, spec: withDefaults({}), nodes: 0 }, policies, around);
    assert.deepEqual([judge(older).violations.length, judge(younger).violations[0]?.reason], [0, 'QuotaExceeded']);
    assert.equal(judge(older).maxNodes, 3);
  });
});

describe('a policy', () => {
  it('is for those whose labels and whose namespaces it selects', () => {
    const both = policy({
      selector: { matchLabels: { team: 'a' } },
      namespaceSelector: { matchLabels: { stage: 'test' } },
    });
    const a = cluster({}, { team: 'a' });
    assert.ok(isFor(both, a, { stage: 'test' }));
    assert.ok(!isFor(both, a, {}) && !isFor(both, cluster(), { stage: 'test' }));
    assert.ok(isFor(policy({}), cluster(), {}));
  });

  it('gives what a tenant does not say, the first by name first', () => {
    const one = policy({
      defaults: { resources: { limits: { cpu: '1' } }, podTemplate: { spec: { priorityClassName: 'one' } } },
    });
    const two = policy({ defaults: { podTemplate: { spec: { priorityClassName: 'two', runtimeClassName: 'two' } } } });
    const own: VirtualClusterSpec = { controlPlane: { resources: { requests: { cpu: '1m' } } } };
    const { controlPlane } = withPolicyDefaults(own, [one, two]);
    assert.deepEqual(controlPlane?.resources, { limits: { cpu: '1' }, requests: { cpu: '1m' } });
    assert.deepEqual(controlPlane?.podTemplate?.spec, { priorityClassName: 'one', runtimeClassName: 'two' });
  });
});
