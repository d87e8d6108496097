import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { CronJob, CronJobStatus, Job } from '../../generated/api/batch/v1.ts';
import { cronjobs, jobs } from '../../generated/resource-types.ts';
import { isAlreadyExists, isNotFound } from '../../machinery/errors/status-error.ts';
import { controllerOf, keyOf, ownedBy } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange, ownerOf } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { latestBefore, parseSchedule, type Schedule } from '../../std/cron-schedule.ts';
import { toZoneTime } from '../../std/time-zone.ts';
import type { ControllerCounts } from '../controller-counts.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isFinished } from '../job/plan.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { controlledBy, indexByController } from '../pods/pod-indexes.ts';
import { toStableText } from '../safe-hash.ts';
import { parseTime, toTime } from '../timestamps.ts';

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly cronJobs: Informer<CronJob>;
  readonly jobs: Informer<Job>;
  readonly clock: Clock;
  readonly counts?: ControllerCounts | undefined;
}

/** A job of a scheduled time: its name says which, so that none is made twice. */
export function jobFor(cronJob: CronJob, scheduledMs: number): Job {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  const annotations = {
    ...metadata?.annotations,
    'batch.kubernetes.io/cronjob-scheduled-timestamp': toZoneTime(scheduledMs, cronJob.spec.timeZone),
  };
  return {
    metadata: {
      name: jobNameFor(cronJob, scheduledMs),
      namespace: cronJob.metadata.namespace,
      labels: { ...metadata?.labels },
      annotations,
      creationTimestamp: undefined,
      ownerReferences: [ownedBy(cronJob, cronjobs)],
    },
    spec: structuredClone(spec ?? { template: {} }),
  };
}

function jobNameFor(cronJob: CronJob, scheduledMs: number): string {
  return `${cronJob.metadata.name}-${Math.floor(scheduledMs / 60_000)}`;
}

/** Finished jobs beyond the history, the oldest first. */
export function planCleanup(cronJob: CronJob, all: readonly Job[]): Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  const ended = (type: string): Job[] =>
    all
      .filter((job) => job.status?.conditions?.some((each) => each.type === type && each.status === 'True'))
      .sort((a, b) => (parseTime(a.status?.startTime) ?? 0) - (parseTime(b.status?.startTime) ?? 0));
  const excess = (list: Job[], limit: number | undefined): Job[] =>
    limit === undefined ? [] : list.slice(0, Math.max(0, list.length - limit));
  return [...excess(ended('Complete'), successfulJobsHistoryLimit), ...excess(ended('Failed'), failedJobsHistoryLimit)];
}

/** Starts jobs when their time has come. */
class CronJobController implements Reconciler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { cronJobs, jobs: jobInformer, client } = this.#deps;
    const cronJob = cronJobs.get(key);
    if (cronJob === undefined) return done;
    const children = controlledBy(jobInformer, cronJob);
    let status: CronJobStatus = cronJob.status ?? {};
    let waitMs: number | undefined;
    try {
      for (const job of planCleanup(cronJob, children)) {
        // One that cannot be deleted now is no reason to start none.
        status = await this.#deleteJob(cronJob, job, status).catch(() => status);
      }
      status = await this.#follow(cronJob, status, children);
      const outcome = await this.#start(cronJob, status);
      status = outcome.status;
      waitMs = outcome.waitMs;
    } finally {
      if (toStableText(status) !== toStableText(cronJob.status ?? {})) {
        await client.update(cronjobs, { ...cronJob, status }, { subresource: 'status' });
      }
    }
    return waitMs === undefined ? done : { requeueAfterMs: waitMs };
  }

  /** The status after a look at what became of the jobs. */
  async #follow(cronJob: CronJob, before: CronJobStatus, children: readonly Job[]): Promise<CronJobStatus> {
    let { active = [], ...status } = before;
    for (const job of children) {
      const { uid, name } = job.metadata;
      const isListed = active.some((each) => each.uid === uid);
      if (!isFinished(job)) {
        if (isListed) continue;
        const message = `Saw a job that the controller did not create or forgot: ${name}`;
        // Made in the last round, whose status may not be seen yet: then it is ours.
        if (jobNameFor(cronJob, parseTime(cronJob.status?.lastScheduleTime) ?? 0) !== name) {
          this.#event(cronJob, 'Warning', 'UnexpectedJob', message);
        }
        continue;
      }
      const end = job.status?.conditions?.find(
        (each) => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True',
      );
      if (isListed) {
        active = active.filter((each) => each.uid !== uid);
        this.#event(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${name}, condition: ${end?.type}`);
      }
      const completedMs = end?.type === 'Complete' ? parseTime(job.status?.completionTime) : undefined;
      if (completedMs !== undefined && completedMs > (parseTime(status.lastSuccessfulTime) ?? 0)) {
        status = { ...status, lastSuccessfulTime: job.status?.completionTime };
      }
    }
    for (const reference of active) {
      if (children.some((job) => job.metadata.uid === reference.uid)) continue;
      const key = { namespace: reference.namespace, name: reference.name ?? '' };
      const found = await this.#deps.client.get(jobs, key).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (found !== undefined) continue;
      this.#event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${reference.name}`);
      active = active.filter((each) => each !== reference);
    }
    return active.length > 0 ? { ...status, active } : status;
  }

  async #start(
    cronJob: CronJob,
    status: CronJobStatus,
  ): Promise<{ status: CronJobStatus; waitMs?: number | undefined }> {
    const { clock } = this.#deps;
    if (cronJob.metadata.deletionTimestamp !== undefined || cronJob.spec.suspend) return { status };
    const schedule = this.#parse(cronJob);
    if (schedule === undefined) return { status };
    const nowMs = clock.nowMs();
    const nextMs = schedule.next(nowMs);
    if (nextMs === undefined) {
      const message = `invalid schedule: ${cronJob.spec.schedule} : time difference between two schedules is less than 1 second`;
      this.#event(cronJob, 'Warning', 'InvalidSchedule', message);
      return { status };
    }
    // A little late is better than a little early: then nothing would be due yet.
    const waitMs = nextMs - nowMs + 100;
    const { startingDeadlineSeconds, concurrencyPolicy } = cronJob.spec;
    const lastMs = parseTime(status.lastScheduleTime) ?? parseTime(cronJob.metadata.creationTimestamp) ?? nowMs;
    const deadlineMs = startingDeadlineSeconds === undefined ? lastMs : nowMs - Number(startingDeadlineSeconds) * 1000;
    const { ms: dueMs, manyMissed } = latestBefore(schedule, Math.max(lastMs, deadlineMs), nowMs);
    if (dueMs === undefined) return { status, waitMs };
    if (manyMissed) {
      const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      this.#event(cronJob, 'Warning', 'TooManyMissedTimes', message);
    }
    const active = status.active ?? [];
    if (active.some((each) => each.name === jobNameFor(cronJob, dueMs))) return { status, waitMs };
    if (concurrencyPolicy === 'Forbid' && active.length > 0) {
      const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
      this.#event(cronJob, 'Normal', 'JobAlreadyActive', message);
      return { status, waitMs };
    }
    let next = status;
    if (concurrencyPolicy === 'Replace') {
      for (const { namespace, name = '' } of active) {
        const job = await this.#deps.client.get(jobs, { namespace, name }).catch((error: unknown) => {
          const text = error instanceof Error ? error.message : String(error);
          this.#event(cronJob, 'Warning', 'FailedGet', `Get job: ${text}`);
          throw error;
        });
        next = await this.#deleteJob(cronJob, job, next);
      }
    }
    return { status: await this.#create(cronJob, dueMs, next), waitMs };
  }

  async #create(cronJob: CronJob, dueMs: number, status: CronJobStatus): Promise<CronJobStatus> {
    const { client } = this.#deps;
    const wanted = jobFor(cronJob, dueMs);
    let job: Job;
    try {
      job = await client.create(jobs, wanted);
      this.#deps.counts?.cronJobStarted(Math.max(0, this.#deps.clock.nowMs() - dueMs));
      this.#event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    } catch (error) {
      if (isNamespaceTerminating(error)) return status;
      if (!isAlreadyExists(error)) {
        const text = error instanceof Error ? error.message : String(error);
        this.#event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${text}`);
        throw error;
      }
      job = await client.get(jobs, keyOf(wanted));
      if (controllerOf(job)?.uid !== cronJob.metadata.uid) return status;
      if (status.active?.some((each) => each.uid === job.metadata.uid)) return status;
    }
    const active = [...(status.active ?? []), referenceTo(jobs, job)];
    return { ...status, active, lastScheduleTime: toTime(dueMs) };
  }

  async #deleteJob(cronJob: CronJob, job: Job, status: CronJobStatus): Promise<CronJobStatus> {
    const { uid, name } = job.metadata;
    try {
      await this.#deps.client.delete(jobs, keyOf(job), { propagationPolicy: 'Background', preconditions: { uid } });
      this.#event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    } catch (error) {
      if (!isNotFound(error)) {
        const text = error instanceof Error ? error.message : String(error);
        this.#event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${text}`);
        throw error;
      }
    }
    const { active = [], ...rest } = status;
    const left = active.filter((each) => each.uid !== uid);
    return left.length > 0 ? { ...rest, active: left } : rest;
  }

  #parse(cronJob: CronJob): Schedule | undefined {
    const { schedule, timeZone } = cronJob.spec;
    if (schedule.includes('TZ')) {
      const message = `CRON_TZ or TZ used in schedule ${JSON.stringify(schedule)} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details`;
      this.#event(cronJob, 'Warning', 'UnsupportedSchedule', message);
    }
    try {
      return parseSchedule(schedule, timeZone);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (error instanceof RangeError) {
        this.#event(cronJob, 'Warning', 'UnknownTimeZone', `invalid timeZone: "${timeZone}": ${text}`);
      } else {
        this.#event(cronJob, 'Warning', 'UnparseableSchedule', `unparseable schedule: "${schedule}" : ${text}`);
      }
      return undefined;
    }
  }

  #event(cronJob: CronJob, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.recorder.event(referenceTo(cronjobs, cronJob), type, reason, message);
  }
}

export function runCronJobController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, counts } = deps;
  const client = clientFor(controllerUser('cronjob-controller'));
  const cronJobs = informers.for(cronjobs);
  const jobInformer = informers.for(jobs);
  indexByController(jobInformer);
  const recorder = deps.events('cronjob-controller', client);
  const reconciler = new CronJobController({ client, recorder, cronJobs, jobs: jobInformer, clock, counts });
  const sources = [onChange(cronJobs), onChange(jobInformer, ownerOf(cronjobs))];
  return runController({ name: 'cronjob', reconciler, sources, workers: 5, clock, logger, metrics }, signal);
}
