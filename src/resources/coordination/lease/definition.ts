import type { Lease } from '../../../generated/api/coordination/v1.ts';
import { leases } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { defineResource } from '../../define.ts';

/** Source: coordination/validation (ValidateLeaseSpec). */
function validate({ spec }: Lease): readonly FieldError[] {
  const faults = new FieldFaults();
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = spec;
  if (duration !== undefined && duration <= 0)
    faults.invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0');
  faults.nonNegative('spec.leaseTransitions', transitions);
  return faults.list;
}

/** Fields of coordinated leader election, whose feature gate is off in 1.36. */
function dropDisabled({ spec }: Lease, previous?: Lease): void {
  if (previous?.spec.strategy === undefined) spec.strategy = undefined;
  if (previous?.spec.preferredHolder === undefined) spec.preferredHolder = undefined;
}

export const leaseResource = defineResource(leases, {
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  cells: { Holder: ({ spec }) => spec.holderIdentity ?? '' },
  strategy: {
    prepareForCreate: (lease) => dropDisabled(lease),
    prepareForUpdate: dropDisabled,
    validateCreate: validate,
    validateUpdate: validate,
  },
});
