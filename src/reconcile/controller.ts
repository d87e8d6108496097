import { StatusError } from '../machinery/errors/status-error.ts';
import { orAborted, whenAborted } from '../std/abort.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type QueueBackoff, WorkQueue } from './queue.ts';
import type { Reconciler } from './reconciler.ts';
import type { Source } from './sources.ts';

export interface ControllerMetrics {
  /** After each reconcile; one began when its key was taken. */
  reconciled(controller: string, outcome: 'done' | 'requeued' | 'failed', durationMs: number): void;
  /** After each change of the number of keys that wait. */
  depth(controller: string, keys: number): void;
  /** A key came to wait. */
  added?(controller: string): void;
  /** A key's turn came after so many milliseconds. */
  taken?(controller: string, waitedMs: number): void;
  /** A key failed and is tried again. */
  retried?(controller: string): void;
}

export interface ControllerOptions {
  /** Such as `deployment`; names log lines and metrics. */
  readonly name: string;
  readonly reconciler: Reconciler;
  readonly sources: readonly Source[];
  /** Keys reconciled at the same time. Default 1. */
  readonly workers?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff?: QueueBackoff | undefined;
  /**
   * Changes come before what is there at the start, and before what a reconcile asked to see again. Default: all in their
   * order, as upstream.
   */
  readonly changesFirst?: boolean | undefined;
  readonly metrics?: ControllerMetrics | undefined;
}

/**
 * Reconciles the keys that its sources yield, once all of them hold their first list. Resolves after the abort, when
 * the reconciles under way have ended. Never rejects: a failing reconcile is logged and tried again.
 */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { name, reconciler, sources, workers = 1, clock, metrics, changesFirst = false } = options;
  const logger = options.logger.with({ controller: name });
  const observer = metrics?.added && {
    added: () => metrics.added?.(name),
    taken: (waitedMs: number) => metrics.taken?.(name, waitedMs),
    retried: () => metrics.retried?.(name),
  };
  const queue = new WorkQueue(clock, options.backoff, observer);
  const running = new Set<Promise<void>>();
  let started = false;

  async function work(key: string): Promise<void> {
    const startMs = clock.nowMs();
    const observe = (outcome: 'done' | 'requeued' | 'failed'): void =>
      metrics?.reconciled(name, outcome, clock.nowMs() - startMs);
    try {
      const { requeueAfterMs } = await reconciler.reconcile(key, signal);
      queue.forget(key);
      if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs, changesFirst);
      observe(requeueAfterMs === undefined ? 'done' : 'requeued');
    } catch (error) {
      if (signal.aborted) return;
      // Conflicts and the like are the daily life of a stale cache; only what stays is worth a line.
      const failures = queue.failuresOf(key);
      const level = failures < 5 ? 'debug' : 'warn';
      logger[level]('reconcile failed, trying again', { key, error, failures });
      queue.addRateLimited(key, retryAfterMs(error));
      observe('failed');
    } finally {
      queue.done(key);
    }
  }

  function pump(): void {
    if (!started || signal.aborted) return;
    while (running.size < workers) {
      const key = queue.take();
      if (key === undefined) break;
      const task = work(key).finally(() => {
        running.delete(task);
        pump();
      });
      running.add(task);
    }
    metrics?.depth(name, queue.depth);
  }

  queue.onReady(pump);
  const stops = sources.map((source) =>
    source.start((key, delayMs = 0, isPatient = false) => queue.addAfter(key, delayMs, changesFirst && isPatient)),
  );
  try {
    await orAborted(Promise.all(sources.map((source) => source.synced)), signal);
    started = true;
    pump();
    await whenAborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const stop of stops) stop();
    queue.close();
    await Promise.all(running);
  }
}

/** What a server asks for that has too much to do. */
function retryAfterMs(error: unknown): number {
  return error instanceof StatusError ? (error.details?.retryAfterSeconds ?? 0) * 1000 : 0;
}
