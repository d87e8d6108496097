import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Backend, Revision } from './backend.ts';
import { StorageError } from './storage-error.ts';

/** Source: kube-apiserver `--etcd-compaction-interval`, kine's compactor. */
const INTERVAL_MS = 5 * 60_000;

/**
 * Forgets history that is older than five to ten minutes: every five minutes up to the revision of the time before.
 * @returns how to stop.
 */
export function startCompaction(backend: Backend, deps: { clock: Clock; logger: Logger }): () => void {
  const { clock, logger } = deps;
  const abort = new AbortController();
  let target: Revision | undefined;
  const pass = async (): Promise<void> => {
    const next = await backend.currentRevision();
    if (target !== undefined) {
      const { revision, rowsRemoved } = await backend.compact(target, { signal: abort.signal });
      if (rowsRemoved > 0n) logger.debug('compacted', { revision, rowsRemoved });
    }
    target = next;
  };
  const run = (): void => {
    pass().catch((error) => {
      const moved = error instanceof StorageError && error.fault === 'revision-moved';
      if (!moved && !abort.signal.aborted) logger.warn('compaction failed, next try in five minutes', { error });
    });
  };
  run();
  const timer = clock.every(INTERVAL_MS, run);
  return () => {
    abort.abort();
    timer.cancel();
  };
}
