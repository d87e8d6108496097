import type { PriorityClass } from '../../../generated/api/scheduling/v1.ts';
import { priorityclasses } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';

const HIGHEST_OF_USERS = 1_000_000_000;
const SYSTEM = 'system-';
const systemValues: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

/** Source: pkg/apis/scheduling/v1/helpers.go (IsKnownSystemPriorityClass). */
function systemFault({ metadata, value = 0, globalDefault }: PriorityClass): string | undefined {
  const { name = '' } = metadata;
  const wanted = systemValues[name];
  if (wanted === undefined) return `${name} is not a known system priority class`;
  if (value !== wanted) return `value of ${name} PriorityClass must be ${wanted}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

/** Source: scheduling/validation (ValidatePriorityClass). */
function validate(object: PriorityClass): readonly FieldError[] {
  const faults = new FieldFaults();
  const { metadata, value = 0, preemptionPolicy } = object;
  if (metadata.name?.startsWith(SYSTEM)) {
    const fault = systemFault(object);
    if (fault !== undefined) {
      const why = `priority class names with '${SYSTEM}' prefix are reserved for system use only. error: ${fault}`;
      faults.forbidden('metadata.name', why);
    }
  } else if (value > HIGHEST_OF_USERS)
    faults.forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_OF_USERS}`);
  if (preemptionPolicy !== undefined)
    faults.oneOf('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never']);
  return faults.list;
}

/** Source: scheduling/validation (ValidatePriorityClassUpdate). */
function validateUpdate(next: PriorityClass, previous: PriorityClass): readonly FieldError[] {
  const faults = new FieldFaults();
  if ((next.value ?? 0) !== (previous.value ?? 0)) faults.forbidden('value', 'may not be changed in an update.');
  if (next.preemptionPolicy !== previous.preemptionPolicy)
    faults.invalid('preemptionPolicy', next.preemptionPolicy ?? null, 'field is immutable');
  return faults.list;
}

export const priorityClassResource = defineResource(priorityclasses, {
  cells: {
    Value: ({ value }) => value ?? 0,
    'Global-Default': ({ globalDefault }) => globalDefault ?? false,
    PreemptionPolicy: ({ preemptionPolicy }) => preemptionPolicy ?? '',
  },
  strategy: {
    applyDefaults(object) {
      object.preemptionPolicy ??= 'PreemptLowerPriority';
    },
    // Set once and never raised: nothing of it but the description changes.
    prepareForCreate({ metadata }) {
      metadata.generation = 1;
    },
    validateCreate: validate,
    validateUpdate,
  },
});
