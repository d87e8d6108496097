import type { Pod } from '../../generated/api/core/v1.ts';

/** Names of the gates that hold a pod back; empty for a pod that may be scheduled. */
export function gatesOf(pod: Pod): readonly string[] {
  return (pod.spec.schedulingGates ?? []).map(({ name = '' }) => name);
}
