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
import type { ControllerCounts } from '../controller-counts.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { parseTime } from '../timestamps.ts';

export type CleanupPlan =
  | { readonly step: 'keep' }
  | { readonly step: 'wait'; readonly delayMs: number }
  | { readonly step: 'delete' };

/** Decides what becomes of a job at `nowMs`. */
export function planCleanup(job: Job, nowMs: number): CleanupPlan {
  const dueMs = dueMsOf(job);
  if (job.metadata.deletionTimestamp !== undefined || dueMs === undefined) return { step: 'keep' };
  return dueMs > nowMs ? { step: 'wait', delayMs: dueMs - nowMs } : { step: 'delete' };
}

/** When a job's time to live is over; undefined while it has not ended, or where it has none. */
function dueMsOf({ spec, status }: Job): number | undefined {
  const end = (status?.conditions ?? []).find(
    (each) => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True',
  );
  const endedMs = parseTime(end?.lastTransitionTime);
  const { ttlSecondsAfterFinished } = spec;
  if (ttlSecondsAfterFinished === undefined || endedMs === undefined) return undefined;
  return endedMs + ttlSecondsAfterFinished * 1000;
}

/** Deletes finished jobs once their time to live has passed. */
class TtlAfterFinishedController implements Reconciler {
  readonly #client: Client;
  readonly #jobs: Informer<Job>;
  readonly #clock: Clock;
  readonly #counts: ControllerCounts | undefined;

  constructor(client: Client, jobInformer: Informer<Job>, { clock, counts }: Pick<ControllerDeps, 'clock' | 'counts'>) {
    this.#counts = counts;
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
    const nowMs = this.#clock.nowMs();
    this.#counts?.jobDeleted(nowMs - (dueMsOf(job) ?? nowMs));
    return done;
  }
}

export function runTtlAfterFinishedController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const jobInformer = informers.for(jobs);
  const client = clientFor(controllerUser('ttl-after-finished-controller'));
  const reconciler = new TtlAfterFinishedController(client, jobInformer, deps);
  const source = onChange(jobInformer, ({ type, object }) =>
    type === 'deleted' || object.spec.ttlSecondsAfterFinished === undefined ? [] : [toKeyText(keyOf(object))],
  );
  return runController(
    { name: 'ttl-after-finished', reconciler, sources: [source], workers: 2, clock, logger, metrics },
    signal,
  );
}
