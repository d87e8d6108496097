import type { Node, PodSpec } from '../generated/api/core/v1.ts';
import { matchesNodeSelector } from '../machinery/values/node-selector.ts';
import { matchesLabels } from './selector.ts';

/** Whether a pod's node selector and required node affinity let it run on the node. */
export function matchesNode(spec: PodSpec, node: Node): boolean {
  if (!matchesLabels(spec.nodeSelector, node.metadata.labels)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}
