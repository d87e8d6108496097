import type { Pod } from '../../../generated/api/core/v1.ts';
import { type AdmissionPlugin, concerns, refused } from '../admission.ts';

const HOSTNAME = 'kubernetes.io/hostname';

/**
 * Pods may keep others off a node, and not off a whole zone. Off unless it is asked for.
 *
 * Source: `plugin/pkg/admission/antiaffinity`.
 */
export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  operations: ['CREATE', 'UPDATE'],
  validate(attempt) {
    if (!concerns(attempt, '', 'pods')) return;
    const { spec } = attempt.object as unknown as Pod;
    const terms = spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const wide = terms.find(({ topologyKey }) => topologyKey !== HOSTNAME);
    if (wide === undefined) return;
    throw refused(
      attempt,
      `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wide.topologyKey} but only key ${HOSTNAME} is allowed`,
    );
  },
};
