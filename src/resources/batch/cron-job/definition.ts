import type { CronJob, JobSpec } from '../../../generated/api/batch/v1.ts';
import { cronjobs } from '../../../generated/resource-types.ts';
import { containerCells, selectorText, type Workload } from '../../apps/workload.ts';
import { isSame } from '../../checks/same.ts';
import { ageOf } from '../../columns.ts';
import { dropDisabledTemplateFields } from '../../core/pod-spec/pod-template.ts';
import { podNameWarnings } from '../../core/replication-controller/definition.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { defaultJobTemplateSpec } from '../job/defaults.ts';
import { jobSpecWarnings } from '../job/definition.ts';
import { validateCronJob, validateCronJobUpdate } from './validation.ts';

/** Source: pkg/apis/batch/v1/defaults.go (SetDefaults_CronJob). */
function applyDefaults({ spec }: CronJob): void {
  spec.jobTemplate ??= {};
  spec.jobTemplate.spec ??= {} as JobSpec;
  defaultJobTemplateSpec(spec.jobTemplate.spec);
  if (!spec.concurrencyPolicy) spec.concurrencyPolicy = 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
}

/** The job that is made each time; defaults have given it a spec. */
const jobOf = ({ spec }: CronJob): JobSpec => spec.jobTemplate.spec ?? ({} as JobSpec);

const asWorkload = (cronJob: CronJob): Workload => ({ spec: jobOf(cronJob) });

function suspendText({ spec }: CronJob): string {
  if (spec.suspend === undefined) return '<unset>';
  return spec.suspend ? 'True' : 'False';
}

/** Upstream names the spec twice. */
const ZONE_TEXT =
  'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';

const PATH = 'spec.jobTemplate.spec';

export const cronJobResource = defineResource(cronjobs, {
  generation: 'spec',
  cells: {
    Schedule: ({ spec }) => spec.schedule ?? '',
    Timezone: ({ spec }) => spec.timeZone ?? '<none>',
    Suspend: suspendText,
    Active: ({ status }) => status?.active?.length ?? 0,
    'Last Schedule': ({ status }, { nowMs }) =>
      status?.lastScheduleTime ? ageOf(status.lastScheduleTime, nowMs) : '<none>',
    Containers: (object, now) => containerCells['Containers']?.(asWorkload(object), now),
    Images: (object, now) => containerCells['Images']?.(asWorkload(object), now),
    Selector: (object) => selectorText(jobOf(object).selector),
  },
  strategy: specAndStatus<CronJob>({
    applyDefaults,
    prepareForCreate: (object) => dropDisabledTemplateFields(jobOf(object).template),
    prepareForUpdate: (object) => dropDisabledTemplateFields(jobOf(object).template),
    validateCreate: validateCronJob,
    validateUpdate: validateCronJobUpdate,
    warningsOnCreate: (object) => [
      ...podNameWarnings(object.metadata.name ?? ''),
      ...jobSpecWarnings(jobOf(object), PATH),
    ],
    warningsOnUpdate: (next, previous) => [
      ...(isSame(next.spec, previous.spec) ? [] : jobSpecWarnings(jobOf(next), PATH)),
      ...((next.spec.schedule ?? '').includes('TZ') ? [ZONE_TEXT] : []),
    ],
  }),
});
