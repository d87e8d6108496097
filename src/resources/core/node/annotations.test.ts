import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkNodeAnnotations } from './annotations.ts';

const TAINTS = 'scheduler.alpha.kubernetes.io/taints';
const AVOIDS = 'scheduler.alpha.kubernetes.io/preferAvoidPods';

const cases: Record<string, [Record<string, string>, string[]]> = {
  'takes none and empty ones': [{ [TAINTS]: '', [AVOIDS]: '{}' }, []],
  'judges taints': [
    { [TAINTS]: '[{"key":"a","effect":"Never"}]' },
    [
      `metadata.annotations.${TAINTS}[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"`,
    ],
  ],
  'says what Go says of other JSON': [
    { [TAINTS]: '{}' },
    [
      `metadata.annotations: Invalid value: "${TAINTS}": json: cannot unmarshal object into Go value of type []v1.Taint`,
    ],
  ],
  'asks for a controller': [
    { [AVOIDS]: '{"preferAvoidPods":[{},{"podSignature":{"podController":{}}}]}' },
    [
      `metadata.annotations.${AVOIDS}[0].PodSignature: Required value`,
      `metadata.annotations.${AVOIDS}[1].PodSignature.PodController.Controller: Invalid value: false: must point to a controller`,
    ],
  ],
};

describe('checkNodeAnnotations', () => {
  for (const [name, [annotations, expected]] of Object.entries(cases))
    it(name, () => {
      const faults = new FieldFaults();
      checkNodeAnnotations(annotations, faults);
      assert.deepEqual(faults.list.map(String), expected);
    });
});
