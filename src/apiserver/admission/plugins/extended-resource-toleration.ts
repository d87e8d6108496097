import type { Pod, Toleration } from '../../../generated/api/core/v1.ts';
import { isExtendedResource } from '../../../resources/checks/resource-names.ts';
import { type AdmissionPlugin, concerns } from '../admission.ts';

/**
 * Pods that ask for a device tolerate the taint under its name, by which nodes with such devices keep others away. Off
 * unless it is asked for. Source: `plugin/pkg/admission/extendedresourcetoleration`.
 */
export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  operations: ['CREATE', 'UPDATE'],
  mutate(attempt) {
    if (!concerns(attempt, '', 'pods')) return;
    const { spec } = attempt.object as unknown as Pod;
    if (spec === undefined) return;
    const asked = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
      .flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
      .filter(isExtendedResource);
    for (const key of [...new Set(asked)].sort()) {
      spec.tolerations = withToleration(spec.tolerations ?? [], { key, operator: 'Exists', effect: 'NoSchedule' });
    }
  },
};

/** The list with one more, which takes the place of those for the same taint. Source: `pkg/apis/core/helper` (AddOrUpdateTolerationInPod). */
function withToleration(all: readonly Toleration[], wanted: Toleration): Toleration[] {
  const isSameTaint = (each: Toleration): boolean =>
    each.key === wanted.key &&
    each.effect === wanted.effect &&
    each.operator === wanted.operator &&
    (each.value ?? '') === '';
  if (!all.some(isSameTaint)) return [...all, wanted];
  return all.map((each) => (isSameTaint(each) && each.tolerationSeconds !== undefined ? wanted : each));
}
