import type { Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { Job } from '../../generated/api/batch/v1.ts';
import { jobs } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { parseTime } from '../timestamps.ts';

export type CleanupPlan =
  | { readonly step: 'keep' }
  | { readonly step: 'wait'; readonly delayMs: number }
  | { readonly step: 'delete' };

/** Decides what becomes of a job at `nowMs`. */
export function planCleanup(job: Job, nowMs: number): CleanupPlan {
  const { ttlSecondsAfterFinished } = job.spec;
  const end = (job.status?.conditions ?? []).find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
  const endedMs = parseTime(end?.lastTransitionTime);
  if (job.metadata.deletionTimestamp !== undefined) return { step: 'keep' };
  if (ttlSecondsAfterFinished === undefined || endedMs === undefined) return { step: 'keep' };
  const delayMs = endedMs + ttlSecondsAfterFinished * 1000 - nowMs;
  return delayMs > 0 ? { step: 'wait', delayMs } : { step: 'delete' };
}

/** Deletes finished jobs once their time to live has passed. */
class TtlAfterFinishedController implements Reconciler {
  readonly #client: Client;
  readonly #jobs: Informer<Job>;
  readonly #clock: Clock;

  constructor(client: Client, jobInformer: Informer<Job>, clock: Clock) {
    this.#client = client;
    this.#jobs = jobInformer;
    this.#clock = clock;
  }

  async reconcile(key: string): Promise<Result> {
    const job = this.#jobs.get(key);
    if (job === undefined) return done;
    const plan = planCleanup(job, this.#clock.nowMs());
    if (plan.step === 'wait') return { requeueAfterMs: plan.delayMs };
    if (plan.step === 'keep') return done;
    const { uid, resourceVersion } = job.metadata;
    try {
      // The cache may lag: with both preconditions, a job that changed meanwhile survives (409, then a retry).
      const preconditions = { uid, resourceVersion };
      await this.#client.delete(jobs, keyOf(job), { propagationPolicy: 'Foreground', preconditions });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return done;
  }
}

export function runTtlAfterFinishedController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const jobInformer = informers.for(jobs);
  const client = clientFor(controllerUser('ttl-after-finished-controller'));
  const reconciler = new TtlAfterFinishedController(client, jobInformer, clock);
  const source = onChange(jobInformer, ({ type, object }) =>
    type === 'deleted' || object.spec.ttlSecondsAfterFinished === undefined ? [] : [toKeyText(keyOf(object))],
  );
  return runController(
    { name: 'ttl-after-finished', reconciler, sources: [source], workers: 2, clock, logger, metrics },
    signal,
  );
}
