/**
 * Runs `count` tasks in batches that double from 1 while all succeed, so that a request that always fails (a quota, say)
 * fails once and not many times. Returns how many succeeded and the first error.
 *
 * Source: `pkg/controller/replicaset/replica_set.go` (slowStartBatch).
 */
export async function runSlowStart(
  count: number,
  task: (index: number) => Promise<unknown>,
): Promise<{ readonly successes: number; readonly error?: unknown }> {
  let successes = 0;
  for (let batch = Math.min(count, 1); batch > 0; batch = Math.min(count - successes, 2 * batch)) {
    const start = successes;
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => task(start + i)));
    const failed = results.find((result) => result.status === 'rejected');
    successes += results.filter((result) => result.status === 'fulfilled').length;
    if (failed !== undefined) return { successes, error: failed.reason };
  }
  return { successes };
}

/** Runs all tasks at once, waits for each, then throws the first error if there is one. */
export async function runAll<T>(items: Iterable<T>, task: (item: T) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(Array.from(items, task));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
