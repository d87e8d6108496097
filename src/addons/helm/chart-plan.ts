import type { Job } from '../../generated/api/batch/v1.ts';
import type { HelmChart, HelmChartCondition } from './helm-chart.ts';
import { HASH_KEY, type JobPlan, jobNameOf, type Release } from './job-plan.ts';

/** Name under which this controller claims charts, and tells of them. */
export const CONTROLLER_NAME = 'helm-controller';
const MANAGED_BY = 'helmcharts.cattle.io/managed-by';
const UNMANAGED = 'helmcharts.helm.cattle.io/unmanaged';

/** Whose a chart is: `unclaimed` ones get our annotation first. Source: helm-controller (shouldManage). */
export function planClaim({ metadata: { annotations = {} }, spec = {} }: HelmChart): 'ours' | 'unclaimed' | 'others' {
  if (!spec.chart && !spec.chartContent) return 'others';
  if (annotations[UNMANAGED] !== undefined) return 'others';
  const owner = annotations[MANAGED_BY];
  if (owner === undefined) return 'unclaimed';
  return owner === CONTROLLER_NAME ? 'ours' : 'others';
}

export const claimPatch = { metadata: { annotations: { [MANAGED_BY]: CONTROLLER_NAME } } } as const;

export function isSupported({ spec = {} }: HelmChart): boolean {
  return ['', 'v3'].includes(spec.helmVersion ?? '');
}

export type JobStep =
  /** There is nothing to do until something changes. */
  | { readonly step: 'keep' }
  /** The Job's controller knows it: let it run. */
  | { readonly step: 'resume' }
  | { readonly step: 'create' }
  /** Another run is due, and the Job that is there must go first. */
  | { readonly step: 'replace' }
  /** As `replace`, once the pods of the present run have ended. */
  | { readonly step: 'wait' }
  /** The chart is removed. */
  | { readonly step: 'removed' };

/**
 * Decides what becomes of a chart's Job. A finished one stays while it, and the release it left, are of the chart as
 * it is now. A run that did not bring the release that was wished is repeated only as long as it changes that.
 *
 * Source: helm-controller `pkg/controllers/chart/chart.go` (OnChange, OnRemove, reconcileJob).
 */
export function planJobStep(chart: HelmChart, present: Job | undefined, plan: JobPlan, release: Release): JobStep {
  if (present === undefined) return { step: 'create' };
  const deleting = chart.metadata.deletionTimestamp !== undefined;
  if (present.metadata?.deletionTimestamp !== undefined) return { step: 'wait' };
  if (isReady(present)) return { step: 'resume' };
  const complete = hasCondition(present, 'Complete');
  if (deleting && complete) return { step: 'removed' };
  const isCurrent = hashOf(present) === hashOf(plan.job);
  const isSameRun = isCurrent && JSON.stringify(envOf(present)) === JSON.stringify(envOf(plan.job));
  // Only newer images of the Job say on the release what it was made from.
  const isWished =
    release.configHash === undefined || (release.configHash === plan.configHash && release.status === 'deployed');
  if (isSameRun || (isCurrent && (!complete || isWished))) return { step: 'keep' };
  const { active = 0, terminating = 0, conditions = [] } = present.status ?? {};
  if (conditions.length === 0 || active + terminating > 0) return { step: 'wait' };
  return { step: 'replace' };
}

/** What a chart says while its Job is at work, and after it. */
export function toConditions(chart: HelmChart, { failed }: { readonly failed: boolean }): HelmChartCondition[] {
  const message = `Applying HelmChart using Job ${chart.metadata.namespace}/${jobNameOf(chart)}`;
  return [
    { type: 'JobCreated', status: 'True', reason: 'Job created', message },
    failed
      ? { type: 'Failed', status: 'True', reason: 'Job failed', message: FAILED_MESSAGE }
      : { type: 'Failed', status: 'False' },
  ];
}

export const FAILED_MESSAGE = 'Job has reached configured number of retries without succeeding';

export const unsupportedConditions: readonly HelmChartCondition[] = [
  { type: 'JobCreated', status: 'False' },
  {
    type: 'Failed',
    status: 'True',
    reason: 'Unsupported version',
    message: 'Only Helm v3 charts are supported',
  },
];

export function hasCondition(job: Job | undefined, type: 'Complete' | 'Failed' | 'Suspended'): boolean {
  return job?.status?.conditions?.some((each) => each.type === type && each.status === 'True') ?? false;
}

/** Suspended since it was made, and known to the controller of Jobs. */
function isReady(job: Job): boolean {
  return job.metadata?.generation === 1 && job.spec?.suspend === true && hasCondition(job, 'Suspended');
}

function hashOf(job: Job): string | undefined {
  return job.spec?.template.metadata?.annotations?.[HASH_KEY];
}

function envOf(job: Job) {
  return (job.spec?.template.spec?.containers[0]?.env ?? []).map(({ name, value = '' }) => [name, value]);
}

/** The newest of Helm's records. Source: helm-controller (latestRelease). */
export function latestRelease(records: readonly { readonly labels?: Readonly<Record<string, string>> }[]): Release {
  let latest: Release = { revision: 0 };
  for (const { labels = {} } of records) {
    const revision = Number(labels['version']);
    if (!Number.isInteger(revision) || revision <= latest.revision) continue;
    latest = { revision, status: labels['status'], configHash: labels[HASH_KEY] };
  }
  return latest;
}
