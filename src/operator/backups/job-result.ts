import type { Job } from '../../generated/api/batch/v1.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { ObjectKey } from '../../machinery/object/object.ts';

/** Reads the log of a pod. */
export type ReadLog = (pod: ObjectKey, signal: AbortSignal) => Promise<string>;

/** How a Job of ours ended: what it printed as its result, or why it did not get there. */
export type JobEnd =
  | { readonly succeeded: true; readonly result: Readonly<Record<string, unknown>> }
  | { readonly succeeded: false; readonly message: string };

/** A message for a condition, not a log. */
const MAX_MESSAGE = 600;

/** `undefined` while it runs. */
export function outcomeOf(job: Job): 'complete' | 'failed' | undefined {
  const { conditions = [] } = job.status ?? {};
  if (conditions.some(({ type, status }) => type === 'Complete' && status === 'True')) return 'complete';
  return conditions.some(({ type, status }) => type === 'Failed' && status === 'True') ? 'failed' : undefined;
}

/** What was seen of pods may lag behind what was seen of their Job by less than this. */
const LAG_MS = 60_000;

/** Reads how a Job ended from the log of its last pod. @throws Error where that is not known yet: look again. */
export async function readEnd(
  job: Job,
  pods: readonly Pod[],
  { readLog, nowMs }: { readonly readLog: ReadLog; readonly nowMs: number },
  signal: AbortSignal,
): Promise<JobEnd> {
  const wanted = outcomeOf(job) === 'complete' ? 'Succeeded' : 'Failed';
  const [pod] = pods
    .filter(({ status }) => status?.phase === wanted)
    .sort((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1));
  const why = job.status?.conditions?.find(({ type }) => type === 'Failed')?.message ?? '';
  const ageMs = nowMs - Date.parse(job.status?.completionTime ?? '');
  if (pod === undefined && wanted === 'Succeeded' && ageMs < LAG_MS)
    throw new Error(`the pod of Job ${job.metadata.name} is not known yet`);
  if (pod === undefined) return { succeeded: false, message: cut(why || 'its pod is gone, and with it what it said') };
  const key = { namespace: pod.metadata.namespace, name: pod.metadata.name ?? '' };
  const lines = (await readLog(key, signal)).trim().split('\n');
  if (wanted === 'Succeeded') {
    const line = lines.findLast((each) => each.startsWith('result: '));
    if (line !== undefined) return { succeeded: true, result: JSON.parse(line.slice('result: '.length)) };
  }
  const said = lines.at(-1)?.replace(/^warren: /, '');
  return { succeeded: false, message: cut(said || why || 'it ended without a word') };
}

function cut(text: string): string {
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE)}…`;
}
