import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Backend, LogEvent, Revision } from './backend.ts';
import { StorageError } from './storage-error.ts';

/** How often due keys are looked for. Source: leases are whole seconds; kine expires within one. */
const SWEEP_MS = 1_000;

/**
 * Deletes keys whose seconds to live are over. They count from when this process first sees the row, so a restart gives
 * each a new life, as with kine. A key that was written again lives on by its newer row.
 *
 * @returns how to stop.
 */
export async function expireLeases(backend: Backend, deps: { clock: Clock; logger: Logger }): Promise<() => void> {
  const { clock, logger } = deps;
  const due = new Map<string, { readonly revision: Revision; readonly atMs: number }>();
  const take = (key: string, revision: Revision, leaseSeconds: number): void => {
    if (leaseSeconds > 0) due.set(key, { revision, atMs: clock.nowMs() + leaseSeconds * 1000 });
    else due.delete(key);
  };
  const { items, revision } = await backend.list('/registry/events/');
  for (const item of items) take(item.key, item.modRevision, item.leaseSeconds);
  const subscription = await backend.subscribe(revision, {
    events: (events: readonly LogEvent[]) => {
      for (const event of events) take(event.key, event.revision, event.leaseSeconds);
    },
    failed: (error) => logger.error('keys no longer expire', { error }),
  });
  const timer = clock.every(SWEEP_MS, () => {
    const nowMs = clock.nowMs();
    for (const [key, { revision: seen, atMs }] of due) {
      if (atMs > nowMs) continue;
      due.delete(key);
      backend.delete(key, seen).catch((error) => {
        if (!(error instanceof StorageError) || error.fault === 'unavailable')
          logger.warn('a key did not expire', { key, error });
      });
    }
  });
  return () => {
    timer.cancel();
    subscription.close();
  };
}
