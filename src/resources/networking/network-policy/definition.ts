import type { NetworkPolicy, NetworkPolicyPeer } from '../../../generated/api/networking/v1.ts';
import { networkpolicies } from '../../../generated/resource-types.ts';
import { selectorText } from '../../apps/workload.ts';
import { cidrWarnings } from '../../checks/ip-addresses.ts';
import { defineResource } from '../../define.ts';
import { validateNetworkPolicy, validateNetworkPolicyUpdate } from './validation.ts';

/** Source: pkg/apis/networking/v1/defaults.go. */
function applyDefaults({ spec }: NetworkPolicy): void {
  for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
    for (const port of ports ?? []) port.protocol ??= 'TCP';
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

function blockWarnings(peers: readonly NetworkPolicyPeer[] | undefined, path: string): string[] {
  return (peers ?? []).flatMap(({ ipBlock }, index) => {
    if (!ipBlock) return [];
    const at = `${path}[${index}].ipBlock`;
    const except = (ipBlock.except ?? []).flatMap((cidr, position) => cidrWarnings(`${at}.except[${position}]`, cidr));
    return [...cidrWarnings(`${at}.cidr`, ipBlock.cidr ?? ''), ...except];
  });
}

function warn({ spec }: NetworkPolicy): string[] {
  return [
    ...(spec.ingress ?? []).flatMap(({ from }, index) => blockWarnings(from, `spec.ingress[${index}].from`)),
    ...(spec.egress ?? []).flatMap(({ to }, index) => blockWarnings(to, `spec.egress[${index}].to`)),
  ];
}

export const networkPolicyResource = defineResource(networkpolicies, {
  generation: 'spec',
  cells: { 'Pod-Selector': ({ spec }) => selectorText(spec.podSelector ?? {}) },
  strategy: {
    applyDefaults,
    validateCreate: validateNetworkPolicy,
    validateUpdate: validateNetworkPolicyUpdate,
    warningsOnCreate: warn,
    warningsOnUpdate: warn,
  },
});
