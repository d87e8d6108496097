import type { CSIDriver, TokenRequest } from '../../../generated/api/storage/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isSame } from '../../checks/same.ts';

/** Source of all: storage/validation (ValidateCSIDriver, …Update). */

export function validateCsiDriver(driver: CSIDriver): readonly FieldError[] {
  const faults = new FieldFaults();
  check(driver, faults);
  return faults.list;
}

export function validateCsiDriverUpdate(next: CSIDriver, previous: CSIDriver): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  faults.immutable('spec.attachedRequired', next.spec.attachRequired, previous.spec.attachRequired, isSame);
  const { volumeLifecycleModes: modes } = next.spec;
  faults.immutable('spec.volumeLifecycleModes', modes, previous.spec.volumeLifecycleModes, isSame);
  return faults.list;
}

const MODES = ['Persistent', 'Ephemeral'];

function check({ spec }: CSIDriver, faults: FieldFaults): void {
  if (spec.attachRequired === undefined) faults.required('spec.attachedRequired');
  if (spec.podInfoOnMount === undefined) faults.required('spec.podInfoOnMount');
  if (spec.storageCapacity === undefined) faults.required('spec.storageCapacity');
  faults.optionalOneOf('spec.fsGroupPolicy', spec.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType']);
  checkTokenRequests(spec.tokenRequests ?? [], faults);
  for (const mode of spec.volumeLifecycleModes ?? [])
    faults.optionalOneOf('spec.volumeLifecycleModes', mode ?? '', MODES);
  if (spec.seLinuxMount === undefined) faults.required('spec.seLinuxMount');
  const { nodeAllocatableUpdatePeriodSeconds: period, serviceAccountTokenInSecrets: inSecrets } = spec;
  if (period !== undefined && period < 10)
    faults.invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, 'must be greater than or equal to 10 seconds');
  if (inSecrets !== undefined && (spec.tokenRequests ?? []).length === 0)
    faults.invalid(
      'spec.serviceAccountTokenInSecrets',
      inSecrets,
      'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
    );
}

const MIN_SECONDS = 10 * 60;
const MAX_SECONDS = 2 ** 32;

function checkTokenRequests(requests: readonly TokenRequest[], faults: FieldFaults): void {
  const audiences = new Set<string>();
  requests.forEach(({ audience = '', expirationSeconds: seconds }, index) => {
    const path = `spec.tokenRequests[${index}]`;
    if (audiences.has(audience)) {
      faults.duplicate(`${path}.audience`, audience);
      return;
    }
    audiences.add(audience);
    if (seconds === undefined) return;
    const at = `${path}.expirationSeconds`;
    if (seconds < MIN_SECONDS) faults.invalid(at, seconds, 'may not specify a duration less than 10 minutes');
    if (seconds > MAX_SECONDS) faults.invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds');
  });
}
