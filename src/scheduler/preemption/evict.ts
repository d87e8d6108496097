import type { Client } from '../../client/client.ts';
import type { Pod, PodCondition } from '../../generated/api/core/v1.ts';
import { pods } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { keyOf } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { SchedulingEvent } from '../scheduling-events.ts';
import { toConditionPatch } from '../tell-unschedulable.ts';
import type { Candidate } from './preemption.ts';

export interface EvictOptions {
  readonly client: Client;
  tell(pod: Pod, event: SchedulingEvent): void;
  readonly clock: Clock;
}

/**
 * Evicts the victims: each is told why by a condition, and deleted with its own grace period. Those that go already are
 * left alone.
 *
 * @throws StatusError where the server refuses; the others may have been evicted.
 * Source: pkg/scheduler/framework/preemption/executor.go.
 */
export async function evict({ nodeName, victims }: Candidate, preemptor: Pod, options: EvictOptions): Promise<void> {
  const staying = victims.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  await Promise.all(staying.map((victim) => evictOne(victim, preemptor, nodeName, options)));
}

async function evictOne(victim: Pod, preemptor: Pod, nodeName: string, options: EvictOptions): Promise<void> {
  const { client, tell, clock } = options;
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    observedGeneration: victim.metadata.generation,
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${preemptor.spec.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: toTimeText(clock.nowMs()),
  };
  try {
    const patch = { status: toConditionPatch(victim, condition) };
    await client.patch(pods, keyOf(victim), patch, { type: 'strategic', subresource: 'status' });
    await client.delete(pods, keyOf(victim), { preconditions: { uid: victim.metadata.uid } });
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  const note = `Preempted by pod ${preemptor.metadata.uid} on node ${nodeName}`;
  tell(victim, { type: 'Normal', reason: 'Preempted', action: 'Preempting', note });
}
