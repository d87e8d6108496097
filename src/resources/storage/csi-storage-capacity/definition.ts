import type { CSIStorageCapacity } from '../../../generated/api/storage/v1.ts';
import { csistoragecapacities } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabelSelector } from '../../checks/labels.ts';
import { checkDnsSubdomain } from '../../checks/names.ts';
import { checkNonNegativeAmount } from '../../checks/resource-names.ts';
import { isSame } from '../../checks/same.ts';
import { deprecatedLabels } from '../../core/pod-spec/warnings.ts';
import { defineResource } from '../../define.ts';

/** Source of all: storage/validation (ValidateCSIStorageCapacity, …Update). */

function check(
  { nodeTopology, storageClassName = '', capacity }: CSIStorageCapacity,
  options: { readonly toleratesInvalidValues: boolean },
  faults: FieldFaults,
): void {
  checkLabelSelector(nodeTopology, 'nodeTopology', faults, options);
  checkDnsSubdomain('storageClassName', storageClassName, faults);
  if (capacity !== undefined) checkNonNegativeAmount(capacity, 'capacity', faults);
}

function validate(object: CSIStorageCapacity): readonly FieldError[] {
  const faults = new FieldFaults();
  check(object, { toleratesInvalidValues: false }, faults);
  return faults.list;
}

function validateUpdate(next: CSIStorageCapacity, previous: CSIStorageCapacity): readonly FieldError[] {
  const faults = new FieldFaults();
  const old = new FieldFaults();
  checkLabelSelector(previous.nodeTopology, 'nodeTopology', old);
  check(next, { toleratesInvalidValues: old.count > 0 }, faults);
  if (!hasSameTopology(next, previous)) faults.invalid('nodeTopology', next.nodeTopology ?? null, 'field is immutable');
  const { storageClassName: name = '' } = next;
  if (name !== (previous.storageClassName ?? '')) faults.invalid('storageClassName', name, 'field is immutable');
  return faults.list;
}

/** No selector and an empty one are not the same: the one matches nothing, the other everything. */
function hasSameTopology({ nodeTopology: a }: CSIStorageCapacity, { nodeTopology: b }: CSIStorageCapacity): boolean {
  return (a === undefined) === (b === undefined) && isSame(a, b);
}

/** Source: pkg/api/node/util.go (GetWarningsForNodeSelector). */
function warn({ nodeTopology }: CSIStorageCapacity): string[] {
  const warnings: string[] = [];
  nodeTopology?.matchExpressions?.forEach(({ key }, index) => {
    const text = deprecatedLabels[key ?? ''];
    if (text !== undefined) warnings.push(`nodeTopology.matchExpressions[${index}].key: ${key} is ${text}`);
  });
  for (const label in nodeTopology?.matchLabels) {
    const text = deprecatedLabels[label];
    if (text !== undefined) warnings.push(`nodeTopology.matchLabels.${label}: ${text}`);
  }
  return warnings;
}

export const csiStorageCapacityResource = defineResource(csistoragecapacities, {
  allowUnconditionalUpdate: false,
  strategy: { validateCreate: validate, validateUpdate, warningsOnCreate: warn, warningsOnUpdate: warn },
});
