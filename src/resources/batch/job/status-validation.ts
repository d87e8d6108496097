import type { Job, JobStatus } from '../../../generated/api/batch/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { isSame } from '../../checks/same.ts';
import { countIndexes, sharedIndex } from './indexes.ts';
import { withoutValue } from './policies.ts';

/** Source of all: batch/validation (ValidateJobUpdateStatus); pkg/registry/batch/job/strategy.go (getStatusValidationOptions). */

const has = (status: JobStatus | undefined, wanted: string): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === wanted && value === 'True') ?? false;
const isFinished = (status: JobStatus | undefined): boolean => has(status, 'Complete') || has(status, 'Failed');

/** What an update changes: most rules judge only that, so that jobs which broke one before stay writable. */
class Change {
  readonly #next: Job;
  readonly #previous: Job;

  constructor(next: Job, previous: Job) {
    this.#next = next;
    this.#previous = previous;
  }

  /** Whether one of the fields differs. */
  of(...fields: readonly (keyof JobStatus)[]): boolean {
    return fields.some((field) => !isSame(this.#next.status?.[field], this.#previous.status?.[field]));
  }

  /** Whether one of the conditions came or went. */
  ofCondition(...types: readonly string[]): boolean {
    return types.some((type) => has(this.#next.status, type) !== has(this.#previous.status, type));
  }

  ofEnd(): boolean {
    return isFinished(this.#next.status) !== isFinished(this.#previous.status);
  }
}

export function validateJobStatus(next: Job, previous: Job): readonly FieldError[] {
  const faults = new FieldFaults();
  const status = next.status ?? {};
  const change = new Change(next, previous);
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const)
    faults.nonNegative(`status.${field}`, status[field]);
  checkUncounted(status, faults);
  checkEnd(status, change, faults);
  checkFinished(next, change, faults);
  checkIndexes(next, change, faults);
  if (change.ofEnd() || change.of('terminating'))
    if ((status.terminating ?? 0) > 0 && isFinished(status))
      faults.invalid('status.terminating', status.terminating, 'terminating>0 is invalid for finished job');
  if (change.of('ready', 'active') && status.ready !== undefined && status.ready > (status.active ?? 0))
    faults.invalid('status.ready', status.ready, 'cannot set more ready pods than active');
  const refuse = (detail: string): void => faults.add(withoutValue('status.conditions', detail));
  const isMet = has(status, 'SuccessCriteriaMet');
  if (isMet && has(status, 'Failed')) refuse('cannot set SuccessCriteriaMet=True and Failed=true conditions');
  if (isMet && has(status, 'FailureTarget'))
    refuse('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  if (next.spec.successPolicy && !isMet && has(status, 'Complete'))
    refuse('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True');
  checkAgainst(next, previous, faults);
  return faults.list;
}

function checkUncounted({ uncountedTerminatedPods: uncounted }: JobStatus, faults: FieldFaults): void {
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const)
    uncounted?.[list]?.forEach((uid, index) => {
      const at = `status.uncountedTerminatedPods.${list}[${index}]`;
      if (uid === '') faults.invalid(at, uid, 'must not be empty');
      else if (seen.has(uid)) faults.duplicate(at, uid);
      seen.add(uid);
    });
}

function checkEnd(status: JobStatus, change: Change, faults: FieldFaults): void {
  const refuse = (detail: string): void => faults.add(withoutValue('status.conditions', detail));
  const isComplete = has(status, 'Complete');
  const { completionTime, startTime } = status;
  const at = 'status.completionTime';
  if (change.ofCondition('Complete', 'Failed') && isComplete && has(status, 'Failed'))
    refuse('cannot set Complete=True and Failed=true conditions');
  if (change.ofCondition('Complete', 'FailureTarget') && isComplete && has(status, 'FailureTarget'))
    refuse('cannot set Complete=True and FailureTarget=true conditions');
  if (change.ofCondition('Complete') || change.of('completionTime')) {
    if (completionTime && !isComplete)
      faults.invalid(at, completionTime, 'cannot set completionTime when there is no Complete=True condition');
    if (!completionTime && isComplete) faults.required(at, 'completionTime is required for Complete jobs');
  }
  const isEarly = completionTime && startTime && Date.parse(completionTime) < Date.parse(startTime);
  if (change.of('startTime', 'completionTime') && isEarly)
    faults.invalid(at, completionTime, 'must be equal to or after `startTime`');
  if (change.ofCondition('Failed') || change.of('failedIndexes'))
    if (has(status, 'Failed') && !has(status, 'FailureTarget'))
      refuse('cannot set Failed=True condition without the FailureTarget=true condition');
  if (change.ofCondition('Complete', 'SuccessCriteriaMet') && isComplete && !has(status, 'SuccessCriteriaMet'))
    refuse('cannot set Complete=True condition without the SuccessCriteriaMet=true condition');
}

function checkFinished({ spec, status = {} }: Job, change: Change, faults: FieldFaults): void {
  if (!isFinished(status)) return;
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = status;
  if ((change.ofEnd() || change.of('active')) && active > 0)
    faults.invalid('status.active', active, 'active>0 is invalid for finished job');
  const neverRan = spec.suspend === true && spec.completions === 0;
  if ((change.ofEnd() || change.of('startTime')) && !neverRan && !startTime)
    faults.required('status.startTime', 'startTime is required for finished job');
  const left = (uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length;
  if ((change.ofEnd() || change.of('uncountedTerminatedPods')) && left > 0)
    faults.invalid(
      'status.uncountedTerminatedPods',
      toGoView(uncounted, 'batch/v1.UncountedTerminatedPods'),
      'must be empty for finished job',
    );
}

function checkIndexes({ spec, status = {} }: Job, change: Change, faults: FieldFaults): void {
  const { completedIndexes = '', failedIndexes } = status;
  const { completions, backoffLimitPerIndex } = spec;
  const refuse = (field: 'completedIndexes' | 'failedIndexes', why: string): void =>
    faults.invalid(`status.${field}`, status[field], why);
  const check = (field: 'completedIndexes' | 'failedIndexes', text: string): void => {
    const counted = countIndexes(text, completions ?? 0);
    if (typeof counted === 'string') refuse(field, `error parsing ${field}: ${counted}`);
  };
  const isNewCompleted = change.of('completedIndexes');
  const isNewFailed = change.of('failedIndexes');
  if (isNewCompleted && completions !== undefined) check('completedIndexes', completedIndexes);
  if (isNewFailed && completions !== undefined && backoffLimitPerIndex !== undefined && failedIndexes !== undefined)
    check('failedIndexes', failedIndexes);
  if (isNewCompleted && completedIndexes !== '' && spec.completionMode !== 'Indexed')
    refuse('completedIndexes', 'cannot set non-empty completedIndexes when non-indexed completion mode');
  if (isNewFailed && backoffLimitPerIndex === undefined && failedIndexes !== undefined)
    refuse('failedIndexes', 'cannot set non-null failedIndexes when backoffLimitPerIndex is null');
  if ((isNewFailed || isNewCompleted) && completions !== undefined && failedIndexes && completedIndexes !== '') {
    const shared = sharedIndex(completedIndexes, failedIndexes, completions);
    if (shared !== undefined) refuse('failedIndexes', `failedIndexes and completedIndexes overlap at index: ${shared}`);
  }
}

/** What the stored status forbids. */
function checkAgainst(next: Job, previous: Job, faults: FieldFaults): void {
  const { spec, status = {} } = next;
  const { status: old = {} } = previous;
  const refuse = (detail: string): void => faults.add(withoutValue('status.conditions', detail));
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    if (has(old, type) && !has(status, type)) refuse(`cannot disable the terminal ${type}=True condition`);
  if ((status.failed ?? 0) < (old.failed ?? 0))
    faults.invalid('status.failed', status.failed ?? 0, 'cannot decrease the failed counter');
  const isElastic = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  if (!isElastic && (status.succeeded ?? 0) < (old.succeeded ?? 0))
    faults.invalid('status.succeeded', status.succeeded ?? 0, 'cannot decrease the succeeded counter');
  if (status.completionTime && old.completionTime && status.completionTime !== old.completionTime)
    faults.invalid('status.completionTime', status.completionTime, 'field is immutable');
  const resumes =
    has(old, 'Suspended') && status.conditions?.some(({ type, status: is }) => type === 'Suspended' && is === 'False');
  if (old.startTime && status.startTime !== old.startTime && !resumes && !spec.suspend)
    faults.invalid('status.startTime', status.startTime ?? null, 'field is immutable for unsuspended job once set');
  if (has(old, 'SuccessCriteriaMet') && !has(status, 'SuccessCriteriaMet'))
    refuse('cannot disable the SuccessCriteriaMet=True condition');
  if (has(old, 'Complete') && !has(old, 'SuccessCriteriaMet') && has(status, 'SuccessCriteriaMet'))
    refuse('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions');
}
