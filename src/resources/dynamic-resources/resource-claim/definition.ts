import type { ResourceClaim } from '../../../generated/api/resource/v1.ts';
import { resourceclaims } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { isSameStruct } from '../../checks/same.ts';
import { keepMetadata } from '../../checks/status-metadata.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { checkDeviceClaim, defaultDeviceClaim, defaultTolerations } from '../device-claim.ts';
import { selectorExpressions } from '../selector-expressions.ts';
import { allocatedIds, deviceIdOf, validateClaimStatus } from './status-validation.ts';

/** Source of all: resource/validation (ValidateResourceClaim, …Update), pkg/registry/resource/resourceclaim. */

const SPEC_TYPE = 'resource/v1.ResourceClaimSpec';

function validate({ spec }: ResourceClaim): readonly FieldError[] {
  const faults = new FieldFaults();
  checkDeviceClaim(spec.devices, 'spec.devices', faults);
  return faults.list;
}

function validateUpdate(next: ResourceClaim, previous: ResourceClaim): readonly FieldError[] {
  const faults = new FieldFaults();
  if (!isSameStruct(next.spec, previous.spec, SPEC_TYPE))
    faults.invalid('spec', toGoView(next.spec, SPEC_TYPE), 'field is immutable');
  return faults.list;
}

/** What drivers said of devices goes with the devices. */
function dropFreedDevices({ status }: ResourceClaim, previous: ResourceClaim): void {
  if (status?.devices === undefined) return;
  const kept = allocatedIds(status);
  const freed = [...allocatedIds(previous.status)].filter((id) => !kept.has(id));
  const devices = status.devices.filter((device) => !freed.includes(JSON.stringify(deviceIdOf(device))));
  status.devices = devices.length === 0 ? undefined : devices;
}

/** Source: the printer of claims (resourceClaimState). */
function stateText({ metadata, status }: ResourceClaim): string {
  const isDeleted = metadata.deletionTimestamp !== undefined;
  const states = isDeleted ? ['deleted'] : [];
  if (status?.allocation === undefined) return isDeleted ? 'deleted' : 'pending';
  states.push('allocated');
  if ((status.reservedFor ?? []).length > 0) states.push('reserved');
  return states.join(',');
}

export const resourceClaimResource = defineResource(resourceclaims, {
  cells: { State: stateText },
  strategy: specAndStatus<ResourceClaim>({
    load: () => selectorExpressions.load(),
    applyDefaults({ spec, status }) {
      defaultDeviceClaim(spec.devices);
      for (const result of status?.allocation?.devices?.results ?? []) defaultTolerations(result);
    },
    validateCreate: validate,
    validateUpdate,
    prepareForStatusUpdate(next, previous) {
      keepMetadata(next, previous);
      dropFreedDevices(next, previous);
    },
    validateStatusUpdate: validateClaimStatus,
  }),
});
