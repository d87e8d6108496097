import type { Ingress } from '../../../generated/api/networking/v1.ts';
import { ingresses } from '../../../generated/resource-types.ts';
import { balancerWarnings } from '../../checks/ip-addresses.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { CLASS, validateIngress, validateIngressStatus, validateIngressUpdate } from './validation.ts';

/** Source: printIngress (formatHosts). */
function hostsText({ spec }: Ingress): string {
  const rules = spec.rules ?? [];
  const hosts = rules
    .slice(0, 3)
    .map(({ host }) => host ?? '')
    .filter((host) => host !== '');
  // Upstream goes on past rules without a host until it has three.
  for (const { host } of rules.slice(3)) if (hosts.length < 3 && host) hosts.push(host);
  if (hosts.length === 0) return '*';
  const isMore = hosts.length === 3 && rules.length > rules.findIndex(({ host }) => host === hosts[2]) + 1;
  return isMore ? `${hosts.join(',')} + ${rules.length - 3} more...` : hosts.join(',');
}

function addressText({ status }: Ingress): string {
  const all = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  return [...new Set(all)]
    .filter((address) => address !== '')
    .sort()
    .join(',');
}

export const ingressResource = defineResource(ingresses, {
  storagePrefix: 'ingress',
  generation: 'spec',
  cells: {
    Class: ({ spec }) => spec.ingressClassName ?? '<none>',
    Hosts: hostsText,
    Address: addressText,
    Ports: ({ spec }) => ((spec.tls ?? []).length > 0 ? '80, 443' : '80'),
  },
  strategy: specAndStatus<Ingress>({
    validateCreate: validateIngress,
    validateUpdate: validateIngressUpdate,
    validateStatusUpdate: validateIngressStatus,
    warningsOnStatusUpdate: ({ status }) => balancerWarnings(status?.loadBalancer),
    warningsOnCreate: ({ metadata, spec }) =>
      metadata.annotations?.[CLASS] !== undefined && spec.ingressClassName === undefined
        ? [`annotation ${JSON.stringify(CLASS)} is deprecated, please use 'spec.ingressClassName' instead`]
        : [],
  }),
});
