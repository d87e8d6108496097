import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Job, JobStatus } from '../../generated/api/batch/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { jobs, pods } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { Expectations } from '../../reconcile/expectations.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { controllerKeyOf, onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { runAll, runSlowStart } from '../batches.ts';
import { claimObjects } from '../claim.ts';
import type { ControllerCounts } from '../controller-counts.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isNamespaceTerminating, PodControl } from '../pods/pod-control.ts';
import { claimable, controlledBy, indexByController } from '../pods/pod-indexes.ts';
import { isPodReady } from '../pods/pod-state.ts';
import { onPodChange } from '../pods/pod-tracking.ts';
import { toStableText } from '../safe-hash.ts';
import { toTime } from '../timestamps.ts';
import { type BackoffRecord, finishedAtMs, remainingMs } from './backoff.ts';
import { allIndexFailuresOf, hasIndexLimit, hasTracking, isIndexed, jobPod, TRACKING } from './job-pod.ts';
import {
  deadlineInMs,
  isFinished,
  type JobView,
  jobCondition,
  planActive,
  planEnd,
  planIndexes,
  viewJob,
} from './plan.ts';
import { planCounts, settleCounts, withEnd, withIntent, withSuspension } from './tracking.ts';

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly counts?: ControllerCounts | undefined;
  readonly control: PodControl;
  readonly jobs: Informer<Job>;
  readonly pods: Informer<Pod>;
  readonly expectations: Expectations;
  /** Uids of pods whose finalizer was taken off and whose change was not seen yet, by job. */
  readonly released: Map<string, Set<string>>;
  readonly clock: Clock;
}

/** Source: `job_controller.go` (SyncJobBatchPeriod). */
const BATCH_MS = 1000;

const noBackoff: BackoffRecord = { failures: 0, lastFailureMs: undefined };

/** Runs jobs to their end. */
class JobController implements Reconciler {
  readonly #deps: Deps;
  readonly #backoffs = new Map<string, BackoffRecord>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { jobs: informer, expectations, released, client, clock } = this.#deps;
    const job = informer.get(key);
    if (job === undefined || isFinished(job)) {
      this.#backoffs.delete(key);
      expectations.forget(key);
      if (job === undefined) released.delete(key);
      return done;
    }
    const { managedBy, completionMode = 'NonIndexed' } = job.spec;
    if (managedBy !== undefined && managedBy !== 'kubernetes.io/job-controller') return done;
    if (completionMode !== 'NonIndexed' && completionMode !== 'Indexed') {
      const message = 'Skipped Job sync because completion mode is unknown';
      this.#event(job, 'Warning', 'UnknownCompletionMode', message);
      return done;
    }
    const mayAct = expectations.isMet(key);
    const owned = await claimObjects({
      client,
      type: pods,
      owner: job,
      ownerType: jobs,
      selector: job.spec.selector,
      objects: claimable(this.#deps.pods, job),
      finalizers: [TRACKING],
    });
    const nowMs = clock.nowMs();
    const started =
      job.status?.startTime === undefined && !job.spec.suspend
        ? { ...job, status: { ...job.status, startTime: toTime(nowMs) } }
        : job;
    const view = viewJob(started, owned, released.get(key) ?? new Set(), this.#backoffs.get(key) ?? noBackoff);
    return await this.#sync(key, view, { mayAct, nowMs });
  }

  async #sync(key: string, view: JobView, { mayAct, nowMs }: { mayAct: boolean; nowMs: number }): Promise<Result> {
    const { job } = view;
    const waits: number[] = [];
    const leftMs = deadlineInMs(job, nowMs);
    if (leftMs !== undefined && leftMs > 0) waits.push(leftMs);
    let end = planEnd(view, nowMs);
    let { ready, terminating } = view;
    let active = view.active.length;
    let status: JobStatus = job.status ?? {};
    let failure: unknown;
    const note = (outcome: Outcome): void => {
      active += outcome.created - outcome.deleted;
      terminating += outcome.deleted;
      ready -= outcome.deletedReady;
      failure = outcome.failure;
      if (outcome.waitMs !== undefined) waits.push(outcome.waitMs);
    };
    if (end !== undefined) {
      const outcome = await this.#deletePods(job, view.active);
      note(outcome);
      // Not all of its pods are surely gone: the end is written in a later round.
      if (outcome.deleted !== view.active.length || !mayAct) end = undefined;
    } else {
      const acts = mayAct && job.metadata.deletionTimestamp === undefined;
      if (acts) note(await this.#manage(key, view, nowMs));
      const { completions } = job.spec;
      const reached = completions === undefined ? view.succeeded > 0 : view.succeeded >= completions;
      if (reached && active === 0) {
        const message = 'Reached expected number of succeeded pods';
        end = jobCondition('SuccessCriteriaMet', 'CompletionsReached', message, nowMs);
      } else if (acts) {
        const suspension = withSuspension(job, status, nowMs);
        status = suspension.status;
        if (suspension.changed !== undefined) {
          this.#event(job, 'Normal', suspension.changed, `Job ${suspension.changed.toLowerCase()}`);
        }
      }
    }
    status = withoutZeros({ ...status, active, ready, terminating });
    await this.#track(key, view, status, { end, terminating, nowMs });
    if (failure !== undefined && !isNamespaceTerminating(failure)) throw failure;
    return waits.length === 0 ? done : { requeueAfterMs: Math.min(...waits) };
  }

  async #manage(key: string, view: JobView, nowMs: number): Promise<Outcome> {
    const { job } = view;
    const plan = planActive(view, nowMs);
    switch (plan.step) {
      case 'keep':
        return nothing;
      case 'delete':
        return await this.#deletePods(job, plan.pods, key);
      case 'create': {
        const waitMs = hasIndexLimit(job) ? 0 : remainingMs(view.backoff, nowMs);
        if (waitMs > 0) return { ...nothing, waitMs };
        return await this.#createPods(key, view, plan.count, nowMs);
      }
      default:
        return plan satisfies never;
    }
  }

  async #createPods(key: string, view: JobView, count: number, nowMs: number): Promise<Outcome> {
    const { control, expectations } = this.#deps;
    const { job, lastFailed } = view;
    const owner = { type: jobs, object: job };
    const waits: number[] = [];
    const indexes = isIndexed(job)
      ? planIndexes(view, count).filter((index) => {
          const replaced = lastFailed.get(index);
          if (replaced === undefined) return true;
          const record = { failures: allIndexFailuresOf(replaced) + 1, lastFailureMs: finishedAtMs(replaced) };
          const waitMs = remainingMs(record, nowMs);
          if (waitMs > 0) waits.push(waitMs);
          return waitMs <= 0;
        })
      : undefined;
    const total = indexes?.length ?? count;
    const later = waits.length > 0 ? { waitMs: Math.min(...waits) } : {};
    if (total === 0) return { ...nothing, ...later };
    expectations.expect(key, { creations: total });
    const { successes, error } = await runSlowStart(total, (at) => {
      const index = indexes?.[at];
      return control.create(jobPod(owner, index, index === undefined ? undefined : lastFailed.get(index)), owner);
    });
    expectations.creationSeen(key, total - successes);
    return { ...nothing, created: successes, failure: error, ...later };
  }

  /** Deletes active pods. Given the key, they are not counted as failures: their finalizer goes first. */
  async #deletePods(job: Job, list: readonly Pod[], key?: string): Promise<Outcome> {
    const { control, expectations } = this.#deps;
    const owner = { type: jobs, object: job };
    if (key !== undefined && list.length > 0) {
      expectations.expect(key, { deletions: list.map((pod) => toKeyText(keyOf(pod))) });
    }
    let deleted = 0;
    let deletedReady = 0;
    let failure: unknown;
    await runAll(list, async (pod) => {
      try {
        if (key !== undefined) await this.#release(key, pod);
        await control.delete(pod, owner);
      } catch (error) {
        if (key !== undefined) expectations.deletionSeen(key, toKeyText(keyOf(pod)));
        if (!isNotFound(error)) {
          failure = error;
          return;
        }
      }
      deleted++;
      if (isPodReady(pod)) deletedReady++;
    });
    return { ...nothing, deleted, deletedReady, failure };
  }

  async #track(
    key: string,
    view: JobView,
    status: JobStatus,
    context: { readonly end: JobStatusEnd; readonly terminating: number; readonly nowMs: number },
  ): Promise<void> {
    const { nowMs } = context;
    const counts = planCounts(view, status, context.end);
    const { status: intended, final } = withIntent(counts.status, context.end, nowMs);
    let job = await this.#writeStatus(view.job, intended);
    this.#backoffs.set(key, view.backoff);
    await runAll(counts.release, (pod) => this.#release(key, pod));
    const gone = new Set(counts.release.map((pod) => pod.metadata.uid ?? ''));
    const held = view.pods
      .filter((pod) => hasTracking(pod) && !view.released.has(pod.metadata.uid ?? ''))
      .map((pod) => pod.metadata.uid ?? '')
      .filter((uid) => !gone.has(uid));
    const settled = settleCounts(job.status ?? {}, new Set(held));
    const ended = final === undefined || counts.more ? undefined : withEnd(settled, final, context.terminating, nowMs);
    job = await this.#writeStatus(job, ended ?? settled);
    if (ended === undefined || final === undefined) return;
    if (final.type === 'Failed') {
      this.#event(job, 'Warning', final.reason ?? '', final.message ?? '');
      this.#deps.counts?.jobEnded(job, 'failed', final.reason ?? '');
      return;
    }
    if ((job.status?.succeeded ?? 0) > (job.spec.completions ?? Number.POSITIVE_INFINITY)) {
      const message = 'Too many succeeded pods running after completion count reached';
      this.#event(job, 'Warning', 'TooManySucceededPods', message);
    }
    this.#event(job, 'Normal', 'Completed', 'Job completed');
    this.#deps.counts?.jobEnded(job, 'succeeded', final.reason ?? '');
  }

  /** Takes the finalizer off a pod, and remembers it until the cache shows it. */
  async #release(key: string, pod: Pod): Promise<void> {
    if (!hasTracking(pod)) return;
    const released = this.#deps.released.get(key) ?? new Set();
    this.#deps.released.set(key, released.add(pod.metadata.uid ?? ''));
    try {
      await releasePod(this.#deps.client, pod);
    } catch (error) {
      released.delete(pod.metadata.uid ?? '');
      throw error;
    }
  }

  /** Writes a status over the one read, and fails where another writer came between: counters must not be lost. */
  async #writeStatus(job: Job, status: JobStatus): Promise<Job> {
    const stored = this.#deps.jobs.get(toKeyText(keyOf(job)));
    const isRead = stored !== undefined && stored.metadata.resourceVersion === job.metadata.resourceVersion;
    const known = isRead ? stored : job;
    if (toStableText(known.status ?? {}) === toStableText(status)) return { ...job, status };
    return await this.#deps.client.update(jobs, { ...job, status }, { subresource: 'status' });
  }

  #event(job: Job, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.recorder.event(referenceTo(jobs, job), type, reason, message);
  }
}

type JobStatusEnd = ReturnType<typeof planEnd>;

interface Outcome {
  readonly created: number;
  readonly deleted: number;
  readonly deletedReady: number;
  readonly failure?: unknown;
  readonly waitMs?: number | undefined;
}

const nothing: Outcome = { created: 0, deleted: 0, deletedReady: 0 };

/** `ready` and `terminating` are told also when 0, `active` is not. */
function withoutZeros(status: JobStatus): JobStatus {
  const { active, ...rest } = status;
  return active ? { ...rest, active } : rest;
}

async function releasePod(client: Client, pod: Pod): Promise<void> {
  const metadata = { uid: pod.metadata.uid, '$deleteFromPrimitiveList/finalizers': [TRACKING] };
  await client.patch(pods, keyOf(pod), { metadata }, { type: 'strategic' }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}

/** Frees pods whose job is gone: nobody will count them. */
class OrphanController implements Reconciler {
  readonly #client: Client;
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;

  constructor(client: Client, jobInformer: Informer<Job>, podInformer: Informer<Pod>) {
    this.#client = client;
    this.#jobs = jobInformer;
    this.#pods = podInformer;
  }

  async reconcile(key: string): Promise<Result> {
    const pod = this.#pods.get(key);
    if (pod === undefined || !hasTracking(pod)) return done;
    const jobKey = controllerKeyOf(pod, jobs);
    const job = jobKey === undefined ? undefined : this.#jobs.get(jobKey);
    const ownerUid = pod.metadata.ownerReferences?.find((reference) => reference.controller)?.uid;
    if (job !== undefined && job.metadata.uid === ownerUid && !isFinished(job)) return done;
    await releasePod(this.#client, pod);
    return done;
  }
}

/** How long a job waits after calls that failed. Source: `pkg/controller/job/job_controller.go` (DefaultJobApiBackOff). */
const API_BACKOFF = { firstMs: 1_000, maxMs: 60_000 };

export async function runJobController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, config } = deps;
  const batchMs = config.jobBatchMs ?? BATCH_MS;
  const client = clientFor(controllerUser('job-controller'));
  const recorder = deps.events('job-controller', client);
  const jobInformer = informers.for(jobs);
  const podInformer = informers.for(pods);
  indexByController(podInformer);
  const expectations = new Expectations(clock);
  const released = new Map<string, Set<string>>();
  const reconciler = new JobController({
    client,
    recorder,
    counts: deps.counts,
    control: new PodControl(client, recorder),
    jobs: jobInformer,
    pods: podInformer,
    expectations,
    released,
    clock,
  });
  const sources = [
    onChange(jobInformer, ({ type, object, previous }) => {
      const key = toKeyText(keyOf(object));
      const isAnother = previous !== undefined && previous.metadata.uid !== object.metadata.uid;
      if (type === 'deleted' || isAnother) {
        expectations.forget(key);
        released.delete(key);
      }
      // The status is ours alone: what pods did since may come with it.
      return previous !== undefined && previous.metadata.generation === object.metadata.generation
        ? [[key, batchMs]]
        : [key];
    }),
    // Before the pods' own source: a reconcile that it starts must know which finalizers the cache shows as gone.
    onChange(podInformer, ({ type, object }) => {
      const key = controllerKeyOf(object, jobs);
      if (key !== undefined && (type === 'deleted' || !hasTracking(object))) {
        released.get(key)?.delete(object.metadata.uid ?? '');
      }
      return [];
    }),
    onPodChange({
      pods: podInformer,
      owners: jobInformer,
      ownerType: jobs,
      selectorOf: (job) => job.spec.selector,
      expectations,
      batchMs,
      nowMs: () => clock.nowMs(),
    }),
  ];
  const orphanSources = [
    onChange(podInformer, ({ type, object }) => {
      if (type === 'deleted' || !hasTracking(object)) return [];
      const key = controllerKeyOf(object, jobs);
      const job = key === undefined ? undefined : jobInformer.get(key);
      return job === undefined || isFinished(job) ? [toKeyText(keyOf(object))] : [];
    }),
    onChange(jobInformer, ({ type, object }) =>
      type === 'deleted' || isFinished(object)
        ? controlledBy(podInformer, object)
            .filter(hasTracking)
            .map((pod) => toKeyText(keyOf(pod)))
        : [],
    ),
  ];
  const loop = { clock, logger, metrics };
  await Promise.all([
    runController({ ...loop, name: 'job', reconciler, sources, workers: 5, backoff: API_BACKOFF }, signal),
    runController(
      {
        ...loop,
        name: 'job-orphans',
        reconciler: new OrphanController(client, jobInformer, podInformer),
        sources: orphanSources,
      },
      signal,
    ),
  ]);
}
