import type { Client } from '../../client/client.ts';
import type { Pod, PodCondition } from '../../generated/api/core/v1.ts';
import { pods } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf } from '../../machinery/object/object.ts';
import { findCondition } from '../conditions.ts';
import { toTime } from '../timestamps.ts';

/** Says on a pod why it is about to be deleted: policies of jobs look at it. Gone or newer pods are left alone. */
export async function markDisrupted(
  client: Client,
  pod: Pod,
  why: { readonly reason: string; readonly message: string },
  nowMs: number,
  more: { readonly phase?: string; readonly observedGeneration?: number | undefined } = {},
): Promise<void> {
  const current = findCondition<PodCondition>(pod.status?.conditions, 'DisruptionTarget');
  if (current?.status === 'True' && current.reason === why.reason && more.phase === undefined) return;
  const observedGeneration = pod.metadata.generation;
  const condition = { type: 'DisruptionTarget', status: 'True', ...why, lastTransitionTime: toTime(nowMs) };
  const stamped = observedGeneration === undefined ? condition : { ...condition, observedGeneration };
  // As a client-go patch between two versions says it: without the order, the server puts a new one first.
  const types = (pod.status?.conditions ?? []).map(({ type }) => ({ type }));
  const order = current === undefined ? [...types, { type: 'DisruptionTarget' }] : types;
  const status = { ...more, '$setElementOrder/conditions': order, conditions: [stamped] };
  const patch = { metadata: { uid: pod.metadata.uid }, status };
  try {
    await client.patch(pods, keyOf(pod), patch, { type: 'strategic', subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
