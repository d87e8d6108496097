import type {
  ExemptPriorityLevelConfiguration,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  QueuingConfiguration,
} from '../../../generated/api/flowcontrol/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { isSameStruct } from '../../checks/same.ts';
import { checkStatus } from '../conditions.ts';
import { EXEMPT, mandatoryPriorityLevels } from '../mandatory-objects.ts';

/** Source of all: flowcontrol/validation (ValidatePriorityLevelConfiguration, …StatusUpdate). */

const SPEC_TYPE = 'flowcontrol/v1.PriorityLevelConfigurationSpec';
const KEEPS_ZERO = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares';
const MAX_QUEUES = 10_000_000;
/** Bits of the hash that deals requests to queues. Source: apiserver `pkg/util/shufflesharding`. */
const MAX_HASH_BITS = 60;

export function validatePriorityLevel(level: PriorityLevelConfiguration): readonly FieldError[] {
  const faults = new FieldFaults();
  const { metadata, spec, status } = level;
  if (metadata.annotations?.[KEEPS_ZERO] !== undefined)
    faults.forbidden('metadata.annotations', `annotation '${KEEPS_ZERO}' is forbidden`);
  const { type = '', limited, exempt } = spec;
  if ((metadata.name === EXEMPT) !== (type === 'Exempt'))
    faults.invalid('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'");
  if (type === 'Exempt') {
    if (limited !== undefined) faults.forbidden('spec.limited', 'must be nil if the type is not Limited');
    if (exempt !== undefined) checkExempt(exempt, 'spec.exempt', faults);
  } else if (type === 'Limited') {
    if (exempt !== undefined) faults.forbidden('spec.exempt', 'must be nil if the type is Limited');
    if (limited === undefined) faults.required('spec.limited', 'must not be empty when type is Limited');
    else checkLimited(limited, 'spec.limited', faults);
  } else faults.notSupported('spec.type', type, ['Exempt', 'Limited']);
  checkMandatory(level, faults);
  checkStatus(status, faults);
  return faults.list;
}

export function validatePriorityLevelStatus({ status }: PriorityLevelConfiguration): readonly FieldError[] {
  const faults = new FieldFaults();
  checkStatus(status, faults);
  return faults.list;
}

function checkMandatory({ metadata, spec }: PriorityLevelConfiguration, faults: FieldFaults): void {
  const { name = '' } = metadata;
  const fixed = Object.hasOwn(mandatoryPriorityLevels, name) ? mandatoryPriorityLevels[name] : undefined;
  if (fixed === undefined) return;
  const compared = name === EXEMPT ? { ...spec, exempt: fixed.exempt } : spec;
  if (isSameStruct(compared, fixed, SPEC_TYPE)) return;
  const but = name === EXEMPT ? " except the 'spec.exempt' field" : '';
  faults.invalid('spec', toGoView(spec, SPEC_TYPE), `spec of '${name}'${but} must equal the fixed value`);
}

function checkExempt(exempt: ExemptPriorityLevelConfiguration, path: string, faults: FieldFaults): void {
  const { nominalConcurrencyShares: shares, lendablePercent } = exempt;
  if (shares !== undefined && shares < 0)
    faults.invalid(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer');
  checkPercent(lendablePercent, `${path}.lendablePercent`, faults);
}

function checkPercent(percent: number | undefined, path: string, faults: FieldFaults): void {
  if (percent !== undefined && (percent < 0 || percent > 100))
    faults.invalid(path, percent, 'must be between 0 and 100, inclusive');
}

function checkLimited(limited: LimitedPriorityLevelConfiguration, path: string, faults: FieldFaults): void {
  const {
    nominalConcurrencyShares: shares = 0,
    limitResponse,
    lendablePercent,
    borrowingLimitPercent: limit,
  } = limited;
  if (shares < 0) faults.invalid(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer');
  checkResponse(limitResponse ?? { type: '' }, `${path}.limitResponse`, faults);
  checkPercent(lendablePercent, `${path}.lendablePercent`, faults);
  if (limit !== undefined && limit < 0)
    faults.invalid(`${path}.borrowingLimitPercent`, limit, 'if specified, must be a non-negative integer');
}

function checkResponse({ type = '', queuing }: LimitResponse, path: string, faults: FieldFaults): void {
  const at = `${path}.queuing`;
  if (type === 'Reject') {
    if (queuing !== undefined) faults.forbidden(at, 'must be nil if limited.limitResponse.type is not Limited');
  } else if (type !== 'Queue') faults.notSupported(`${path}.type`, type, ['Queue', 'Reject']);
  else if (queuing === undefined) faults.required(at, 'must not be empty if limited.limitResponse.type is Limited');
  else checkQueuing(queuing, at, faults);
}

function checkQueuing(
  { queueLengthLimit = 0, queues = 0, handSize = 0 }: QueuingConfiguration,
  path: string,
  faults: FieldFaults,
): void {
  const positive = 'must be positive';
  if (queueLengthLimit <= 0) faults.invalid(`${path}.queueLengthLimit`, queueLengthLimit, positive);
  if (queues <= 0) faults.invalid(`${path}.queues`, queues, positive);
  else if (queues > MAX_QUEUES) faults.invalid(`${path}.queues`, queues, `must not be greater than ${MAX_QUEUES}`);
  const at = `${path}.handSize`;
  if (handSize <= 0) faults.invalid(at, handSize, positive);
  else if (handSize > queues) faults.invalid(at, handSize, `should not be greater than queues (${queues})`);
  else if (Math.ceil(Math.log2(queues) * handSize) > MAX_HASH_BITS) {
    const why = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_HASH_BITS}`;
    faults.invalid(at, handSize, why);
  }
}
