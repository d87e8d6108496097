import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { ingressResource } from './ingress/definition.ts';
import { ingressClassResource } from './ingress-class/definition.ts';
import { ipAddressResource } from './ip-address/definition.ts';
import { networkPolicyResource } from './network-policy/definition.ts';
import { serviceCidrResource } from './service-cidr/definition.ts';

export const networkingKinds: readonly ResourceDefinition[] = [
  ingressResource,
  ingressClassResource,
  ipAddressResource,
  networkPolicyResource,
  serviceCidrResource,
];
