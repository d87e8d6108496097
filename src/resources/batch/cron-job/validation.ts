import type { CronJob, JobSpec } from '../../../generated/api/batch/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toSelectorView } from '../../checks/go-view.ts';
import { checkJobSpec } from '../job/validation.ts';
import { scheduleFault } from './schedule.ts';

const POLICIES = ['Allow', 'Forbid', 'Replace'];

/** Source: batch/validation (ValidateCronJobCreate). */
export function validateCronJob(cronJob: CronJob): readonly FieldError[] {
  const faults = new FieldFaults();
  check(cronJob, undefined, faults);
  const { name = '' } = cronJob.metadata;
  // The names of its jobs get eleven more characters.
  if (name.length > 52) faults.invalid('metadata.name', name, 'must be no more than 52 characters');
  return faults.list;
}

/** Source: batch/validation (ValidateCronJobUpdate). */
export function validateCronJobUpdate(next: CronJob, previous: CronJob): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, previous, faults);
  return faults.list;
}

function check({ spec }: CronJob, previous: CronJob | undefined, faults: FieldFaults): void {
  if (!spec.schedule) faults.required('spec.schedule');
  else checkSchedule(spec, previous, faults);
  faults.nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds);
  if (previous === undefined || previous.spec.timeZone !== spec.timeZone)
    checkTimeZone(spec.timeZone, 'spec.timeZone', faults);
  faults.oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, POLICIES);
  const { spec: jobSpec = {} as JobSpec } = spec.jobTemplate;
  const path = 'spec.jobTemplate.spec';
  checkJobSpec(jobSpec, path, faults);
  if (jobSpec.selector)
    faults.invalid(`${path}.selector`, toSelectorView(jobSpec.selector), '`selector` will be auto-generated');
  if (jobSpec.manualSelector) faults.notSupported(`${path}.manualSelector`, true, ['nil', 'false']);
  faults.nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit);
  faults.nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit);
}

function checkSchedule(
  { schedule, timeZone }: CronJob['spec'],
  previous: CronJob | undefined,
  faults: FieldFaults,
): void {
  const fault = scheduleFault(schedule);
  if (fault !== undefined) faults.invalid('spec.schedule', schedule, fault);
  if (!schedule.includes('TZ')) return;
  if (!previous?.spec.schedule.includes('TZ'))
    faults.invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
  else if (timeZone !== undefined)
    faults.invalid('spec.schedule', schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule');
}

const zonePart = /^[A-Za-z.\-_0-9+]{1,14}$/;

function checkTimeZone(zone: string | undefined, path: string, faults: FieldFaults): void {
  if (zone === undefined) return;
  if (zone === '') return faults.invalid(path, zone, 'timeZone must be nil or non-empty string');
  for (const part of zone.split('/'))
    if (part === '.' || part === '..' || part.startsWith('-') || !zonePart.test(part))
      return faults.invalid(path, zone, `unknown time zone ${zone}`);
  if (zone.toLowerCase() === 'local') {
    const why = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    faults.invalid(path, zone, why);
  }
  if (zone !== 'Local' && !isTimeZone(zone)) faults.invalid(path, zone, `unknown time zone ${zone}`);
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
