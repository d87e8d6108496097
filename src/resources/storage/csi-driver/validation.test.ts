import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { created, createFaults, decoded, updated } from '../../../testing/strategy-runs.ts';
import { csiDriverResource as kind } from './definition.ts';

const cases: Record<string, [object, string[]]> = {
  'take anything that has defaults': [{}, []],
  'know their policies and modes': [
    { spec: { fsGroupPolicy: 'Any', volumeLifecycleModes: ['Forever', 'Ephemeral'] } },
    [
      'spec.fsGroupPolicy: Unsupported value: "Any": supported values: "File", "None", "ReadWriteOnceWithFSType"',
      'spec.volumeLifecycleModes: Unsupported value: "Forever": supported values: "Persistent", "Ephemeral"',
    ],
  ],
  'ask for tokens of each audience once, for ten minutes at least': [
    {
      spec: {
        serviceAccountTokenInSecrets: true,
        tokenRequests: [
          { audience: 'a', expirationSeconds: 599 },
          { audience: 'a', expirationSeconds: 1 },
        ],
      },
    },
    [
      'spec.tokenRequests[0].expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
    ],
  ],
  'hide no tokens that they do not ask for': [
    { spec: { serviceAccountTokenInSecrets: false } },
    [
      'spec.serviceAccountTokenInSecrets: Invalid value: false: serviceAccountTokenInSecrets is set but no tokenRequests are specified',
    ],
  ],
  'count volumes every ten seconds at most': [
    { spec: { nodeAllocatableUpdatePeriodSeconds: 9 } },
    ['spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds'],
  ],
};

describe('CSI drivers', () => {
  for (const [name, [body, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(kind, body), faults));
  it('lose fields whose feature is off', () => {
    const { spec } = created(kind, { spec: { preventPodSchedulingIfMissing: true } }) as { spec?: object };
    assert.deepEqual(Object.keys(spec ?? {}).includes('preventPodSchedulingIfMissing'), false);
  });
  it('keep whether they attach, under a name of its own', () => {
    const { faults } = updated(kind, {}, { spec: { attachRequired: false, volumeLifecycleModes: ['Ephemeral'] } });
    assert.deepEqual(faults, [
      'spec.attachedRequired: Invalid value: false: field is immutable',
      'spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable',
    ]);
  });
  it('get a generation with their first change', () => {
    assert.equal(updated(kind, {}, {}).object.metadata.generation, undefined);
    assert.equal(updated(kind, {}, { spec: { podInfoOnMount: true } }).object.metadata.generation, 1);
  });
  it('warn where tokens may come into logs', () => {
    const asking = decoded(kind, { spec: { tokenRequests: [{ audience: 'a' }] } });
    assert.equal(kind.strategy.warningsOnCreate?.(asking).length, 1);
    assert.equal(kind.strategy.warningsOnUpdate?.(asking, asking).length, 0);
    assert.equal(kind.strategy.warningsOnUpdate?.(asking, decoded(kind, {})).length, 1);
  });
});
