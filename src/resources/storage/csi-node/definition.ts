import type { CSINode, CSINodeDriver } from '../../../generated/api/storage/v1.ts';
import { csinodes } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkCsiDriverName, checkQualifiedName } from '../../checks/names.ts';
import { isSame } from '../../checks/same.ts';
import { defineResource } from '../../define.ts';

/** Source of all: storage/validation (ValidateCSINode, …Update). */

const MAX_NODE_ID = 256;

function check({ spec }: CSINode, faults: FieldFaults): void {
  const names = new Set<string>();
  spec.drivers?.forEach((driver, index) => {
    checkDriver(driver, names, `spec.drivers[${index}]`, faults);
  });
}

function checkDriver(driver: CSINodeDriver, names: Set<string>, path: string, faults: FieldFaults): void {
  const { name = '', nodeID = '', allocatable, topologyKeys } = driver;
  checkCsiDriverName(`${path}.name`, name, faults);
  if (nodeID === '') faults.required(`${path}.nodeID`);
  if (Buffer.byteLength(nodeID) > MAX_NODE_ID)
    faults.invalid(`${path}.nodeID`, nodeID, `must be ${MAX_NODE_ID} characters or less`);
  faults.nonNegative(`${path}.allocatable.count`, allocatable?.count);
  if (names.has(name)) faults.duplicate(`${path}.name`, name);
  names.add(name);
  const keys = new Set<string>();
  for (const given of topologyKeys ?? []) {
    const key = given ?? '';
    if (key === '') faults.required(path);
    if (keys.has(key)) faults.duplicate(path, key);
    keys.add(key);
    checkQualifiedName(path, key, faults);
  }
}

function validate(node: CSINode): readonly FieldError[] {
  const faults = new FieldFaults();
  check(node, faults);
  return faults.list;
}

const withoutCount = (driver: CSINodeDriver): CSINodeDriver => ({ ...driver, allocatable: undefined });

/** A driver that stays, stays as it is but for its count. */
function validateUpdate(next: CSINode, previous: CSINode): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  for (const before of previous.spec.drivers ?? [])
    for (const after of next.spec.drivers ?? []) {
      if (before.name !== after.name || isSame(withoutCount(after), withoutCount(before))) continue;
      const shown = toGoView(withoutCount(after), 'storage/v1.CSINodeDriver');
      faults.invalid('spec.drivers', shown, 'field is immutable');
    }
  return faults.list;
}

export const csiNodeResource = defineResource(csinodes, {
  allowUnconditionalUpdate: false,
  cells: { Drivers: ({ spec }) => (spec.drivers ?? []).length },
  strategy: { validateCreate: validate, validateUpdate },
});
