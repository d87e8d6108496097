import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { controllersOff, parseControllerFlags } from './flags.ts';

describe('parseControllerFlags', () => {
  it('reads what has a meaning here', () => {
    const flags = parseControllerFlags([
      'node-monitor-grace-period=1m30s',
      'node-monitor-period=2s',
      'terminated-pod-gc-threshold=10',
      'node-cidr-mask-size-ipv6=80',
      'node-cidr-mask-size=25',
      'cluster-signing-duration=720h',
      'concurrent-deployment-syncs=20',
      'leader-elect=false',
    ]);
    assert.deepEqual(flags, {
      controllers: ['*'],
      config: {
        nodeMonitorGracePeriodMs: 90_000,
        nodeMonitorPeriodMs: 2000,
        terminatedPodThreshold: 10,
        nodeCIDRMaskSize: { ipv4: 25, ipv6: 80 },
        certificateTtlSeconds: 30 * 24 * 3600,
      },
    });
  });

  const faults: Record<string, [string, RegExp]> = {
    'flags that it does not have': ['colour=blue', /kube-controller-manager has no flag "colour"$/],
    'durations that are none': ['node-monitor-period=soon', /takes a duration such as 40s or 1m30s$/],
    'masks that do not fit': ['node-cidr-mask-size-ipv4=33', /takes 1 to 32 bits$/],
    'what cannot be changed': [
      'node-eviction-rate=1',
      /it is as in Kubernetes 1.36 by default, and cannot be changed$/,
    ],
    'values other than the one that is served': ['allocate-node-cidrs=false', /allocate-node-cidrs is always true$/],
  };
  for (const [title, [arg, why]] of Object.entries(faults)) {
    it(`refuses ${title}`, () => assert.throws(() => parseControllerFlags([arg]), why));
  }
});

describe('controllersOff', () => {
  const known = ['a', 'b', 'c'];
  const cases: Record<string, [string[], string[]]> = {
    'is none of all': [['*'], []],
    'is what is taken away': [['*', '-b'], ['b']],
    'is what is not named, where some are': [['a'], ['b', 'c']],
  };
  for (const [title, [list, off]] of Object.entries(cases)) {
    it(title, () => assert.deepEqual(controllersOff(list, known), off));
  }
  it('refuses names that no controller has', () => {
    assert.throws(() => controllersOff(['*', '-d'], known), /^Error: "d" is not in the list of known controllers$/);
  });
});
