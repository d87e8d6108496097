import type { Node } from '../../generated/api/core/v1.ts';

/** Agents write their arguments and addresses under this prefix. Source: k3s `pkg/nodeconfig`, `pkg/agent/run.go`. */
const PREFIX = 'k3s.io/';

/** Whether an agent made the node. Nodes that somebody writes by hand run nothing, so nothing is deployed for them. */
export function isMachine({ metadata, spec }: Node): boolean {
  if (spec?.providerID?.startsWith('k3s://')) return true;
  return Object.keys(metadata.annotations ?? {}).some((key) => key.startsWith(PREFIX));
}
