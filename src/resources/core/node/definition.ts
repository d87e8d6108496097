import type { Node } from '../../../generated/api/core/v1.ts';
import { nodes } from '../../../generated/resource-types.ts';
import type { Strategy } from '../../../machinery/object/resource-definition.ts';
import { cidrWarnings } from '../../checks/ip-addresses.ts';
import { roundAmounts } from '../../checks/round-amounts.ts';
import { defineResource } from '../../define.ts';
import { validateNode, validateNodeStatus, validateNodeUpdate } from './validation.ts';

/** Source: pkg/registry/core/node/strategy.go (nodeWarnings). */
function warn({ spec }: Node): string[] {
  const warnings: string[] = [];
  if (spec?.configSource) warnings.push('spec.configSource: the feature is removed');
  if (spec?.externalID) warnings.push('spec.externalID: this field is deprecated, and is unused by Kubernetes');
  const cidrs = (spec?.podCIDRs ?? []).flatMap((cidr, index) => cidrWarnings(`spec.podCIDRs[${index}]`, cidr));
  return [...warnings, ...cidrs];
}

const strategy: Strategy<Node> = {
  applyDefaults(node) {
    node.spec ??= {};
    const { spec, status } = node;
    // Source: pkg/apis/core/v1/conversion.go (Convert_v1_NodeSpec_To_core_NodeSpec).
    if (spec.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
    else if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    roundAmounts(status?.capacity);
    roundAmounts(status?.allocatable);
    if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  },
  prepareForCreate(node) {
    if (node.spec) node.spec.configSource = undefined;
    if (node.status) node.status.config = undefined;
  },
  validateCreate: validateNode,
  prepareForUpdate(next, previous) {
    next.status = previous.status;
    if (next.spec && !previous.spec?.configSource) next.spec.configSource = undefined;
  },
  validateUpdate: validateNodeUpdate,
  prepareForStatusUpdate(next, previous) {
    next.spec = previous.spec;
    if (next.status && !previous.status?.config) next.status.config = undefined;
  },
  validateStatusUpdate: validateNodeStatus,
  warningsOnCreate: warn,
  warningsOnUpdate: warn,
};

function stateOf({ spec, status }: Node): string {
  const ready = status?.conditions?.findLast(({ type }) => type === 'Ready');
  const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec?.unschedulable ? `${state},SchedulingDisabled` : state;
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function rolesOf({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key !== ROLE_PREFIX) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',');
}

const addressOf = ({ status }: Node, wanted: string): string =>
  status?.addresses?.find(({ type }) => type === wanted)?.address ?? '<none>';

function kernelOf({ status }: Node): string {
  const { kernelVersion, architecture } = status?.nodeInfo ?? {};
  return `${kernelVersion || '<unknown>'}${architecture ? ` (${architecture})` : ''}`;
}

export const nodeResource = defineResource(nodes, {
  storagePrefix: 'minions',
  cells: {
    Status: stateOf,
    Roles: rolesOf,
    Version: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
    'Internal-IP': (node) => addressOf(node, 'InternalIP'),
    'External-IP': (node) => addressOf(node, 'ExternalIP'),
    'OS-Image': ({ status }) => status?.nodeInfo?.osImage || '<unknown>',
    'Kernel-Version': kernelOf,
    'Container-Runtime': ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
  },
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
  strategy,
});
