import type { Pod } from '../../generated/api/core/v1.ts';
import type { SchedulingQueue } from '../queue/scheduling-queue.ts';
import type { QueueFigures } from './scheduler-metrics.ts';

/** The profile that a pod asks for. */
export function profileNameOf({ spec }: Pod): string {
  return spec.schedulerName ?? 'default-scheduler';
}

/** What the queue holds now. @param gated - Pods that their gates hold back */
export function readQueue(queue: Pick<SchedulingQueue, 'waiting'>, gated: ReadonlyMap<string, Pod>): QueueFigures {
  const counts = { active: 0, backoff: 0, unschedulable: 0 };
  const reasons = new Map<string, [plugin: string, profile: string, pods: number]>();
  const add = (plugin: string, pod: Pod): void => {
    const profile = profileNameOf(pod);
    const reason = reasons.get(`${plugin} ${profile}`) ?? [plugin, profile, 0];
    reason[2]++;
    reasons.set(`${plugin} ${profile}`, reason);
  };
  for (const { pod, queue: name, rejectedBy } of queue.waiting()) {
    counts[name]++;
    if (name !== 'active') for (const plugin of rejectedBy) add(plugin, pod);
  }
  for (const pod of gated.values()) add('SchedulingGates', pod);
  return { ...counts, gated: gated.size, reasons: reasons.values() };
}
