import type { Node } from '../../../generated/api/core/v1.ts';
import { type AdmissionPlugin, concerns } from '../admission.ts';

/** New nodes take no pods until they report that they are ready. Source: `plugin/pkg/admission/nodetaint`. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  operations: ['CREATE'],
  mutate(attempt) {
    if (!concerns(attempt, '', 'nodes')) return;
    const node = attempt.object as unknown as Node;
    const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
    const taints = node.spec?.taints ?? [];
    if (taints.some((other) => other.key === taint.key && other.effect === taint.effect)) return;
    node.spec = { ...node.spec, taints: [...taints, taint] };
  },
};
