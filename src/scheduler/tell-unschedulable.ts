import type { Client } from '../client/client.ts';
import type { Pod, PodCondition } from '../generated/api/core/v1.ts';
import { pods } from '../generated/resource-types.ts';
import { keyOf } from '../machinery/object/object.ts';
import { toTimeText } from '../machinery/values/time.ts';
import type { Clock } from '../std/clock.ts';
import type { SchedulingEvent } from './scheduling-events.ts';

export interface TellOptions {
  readonly client: Client;
  tell(event: SchedulingEvent): void;
  readonly clock: Clock;
}

export interface Trouble {
  readonly message: string;
  /** `SchedulerError`: nothing is wrong with the pod's wishes. Default `Unschedulable`. */
  readonly reason?: 'Unschedulable' | 'SchedulerError';
  /** The node that the pod is promised from now on, empty for none; undefined where that stays as it is. */
  readonly promised?: string | undefined;
}

/** Longest note of an event. Source: `pkg/apis/core/validation/events.go` (NoteLengthLimit). */
const LONGEST_NOTE = 1024;

/**
 * Tells a pod why it has no node, by an event and its condition `PodScheduled`. What it is told already is not written
 * again.
 *
 * @throws StatusError where the server refuses.
 * Source: pkg/scheduler/schedule_one.go (handleSchedulingFailure, updatePod).
 */
export async function tellUnschedulable(pod: Pod, trouble: Trouble, options: TellOptions): Promise<void> {
  const { client, clock, tell } = options;
  const { message, reason = 'Unschedulable', promised } = trouble;
  const note = message.length <= LONGEST_NOTE ? message : `${message.slice(0, LONGEST_NOTE - 4)} ...`;
  tell({ type: 'Warning', reason: 'FailedScheduling', action: 'Scheduling', note });
  const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  const isTold = before?.status === 'False' && before.reason === reason && before.message === message;
  const keepsPromise = promised === undefined || promised === (pod.status?.nominatedNodeName ?? '');
  if (isTold && keepsPromise) return;
  const nowText = toTimeText(clock.nowMs());
  const condition: PodCondition = {
    type: 'PodScheduled',
    observedGeneration: pod.metadata.generation,
    status: 'False',
    reason,
    message,
    lastTransitionTime: before?.status === 'False' ? (before.lastTransitionTime ?? nowText) : nowText,
  };
  const status = {
    ...toConditionPatch(pod, condition),
    ...(keepsPromise ? {} : { nominatedNodeName: promised || null }),
  };
  await client.patch(pods, keyOf(pod), { status }, { type: 'strategic', subresource: 'status' });
}

/** A patch of a pod's status that sets one condition and leaves the others in their order. */
export function toConditionPatch(pod: Pod, condition: PodCondition): object {
  const known = (pod.status?.conditions ?? []).map(({ type }) => ({ type }));
  const isNew = !known.some(({ type }) => type === condition.type);
  const order = isNew ? [...known, { type: condition.type }] : known;
  return { '$setElementOrder/conditions': order, conditions: [condition] };
}
