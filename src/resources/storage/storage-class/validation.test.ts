import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { created, createFaults, decoded, updated } from '../../../testing/strategy-runs.ts';
import { storageClassResource as kind } from './definition.ts';

const plain = { provisioner: 'example.com/p' };
const terms = (...lists: object[][]): object => ({
  ...plain,
  allowedTopologies: lists.map((list) => ({ matchLabelExpressions: list })),
});

const cases: Record<string, [object, string[]]> = {
  'takes a plain class': [plain, []],
  'takes a provisioner in upper case': [{ provisioner: 'Example.com/P' }, []],
  'asks for a provisioner': [{}, ['provisioner: Required value']],
  'refuses parameters without a name': [
    { ...plain, parameters: { '': 'x' } },
    ['parameters: Invalid value: "": field can not be empty.'],
  ],
  'limits the size of parameters': [
    { ...plain, parameters: { a: 'x'.repeat(256 * 1024) } },
    ['parameters: Too long: may not be more than 262144 bytes'],
  ],
  'refuses to recycle volumes': [
    { ...plain, reclaimPolicy: 'Recycle', volumeBindingMode: 'Later' },
    [
      'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
      'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
    ],
  ],
  'takes an empty reclaim policy': [{ ...plain, reclaimPolicy: '' }, []],
  'asks for values of a topology, each once': [
    terms([{ key: 'k' }, { key: 'l', values: ['a', 'a'] }]),
    [
      'allowedTopologies[0].matchLabelExpressions[0].values: Required value',
      'allowedTopologies[0].matchLabelExpressions[1].values[1]: Duplicate value: "a"',
    ],
  ],
  'refuses terms that say the same in another order': [
    terms([{ key: 'k', values: ['a', 'b'] }], [{ key: 'k', values: ['b', 'a'] }]),
    ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
  ],
  'refuses an empty term once for each term': [
    terms([], [{ key: 'k', values: ['a'] }]),
    [
      'allowedTopologies[0].matchLabelExpressions: Duplicate value: ""',
      'allowedTopologies[0].matchLabelExpressions: Duplicate value: ""',
    ],
  ],
};

describe('storage classes', () => {
  for (const [name, [body, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(kind, body), faults));
  it('delete volumes and bind at once where they say nothing else', () => {
    const { reclaimPolicy, volumeBindingMode } = created(kind, plain) as unknown as Record<string, unknown>;
    assert.deepEqual([reclaimPolicy, volumeBindingMode], ['Delete', 'Immediate']);
  });
  it('keep all but topologies, options and expansion', () => {
    const next = { provisioner: 'q', parameters: { a: 'b' }, allowVolumeExpansion: true, mountOptions: ['ro'] };
    assert.deepEqual(updated(kind, plain, next).faults, [
      'parameters: Invalid value: {"a":"b"}: field is immutable',
      'provisioner: Invalid value: "q": field is immutable',
    ]);
  });
  it('warn of old labels', () => {
    const object = decoded(kind, terms([{ key: 'beta.kubernetes.io/os', values: ['linux'] }]));
    assert.deepEqual(kind.strategy.warningsOnCreate?.(object), [
      'allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.14; use "kubernetes.io/os" instead',
    ]);
  });
});
