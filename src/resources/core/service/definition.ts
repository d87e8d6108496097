import type { Service } from '../../../generated/api/core/v1.ts';
import { services } from '../../../generated/resource-types.ts';
import { labelsText } from '../../columns.ts';
import { defineResource } from '../../define.ts';
import { serviceStrategy } from './strategy.ts';

/** Source: printService (getServiceExternalIP). */
function externalIps({ spec, status }: Service): string {
  const own = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return own.join(',') || '<none>';
    case 'LoadBalancer': {
      const given = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
      return [...[...new Set(given)].filter(Boolean).sort(), ...own].join(',') || '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

const portsText = ({ spec }: Service): string =>
  (spec.ports ?? [])
    .map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`)
    .join(',') || '<none>';

export const serviceResource = defineResource(services, {
  storagePrefix: 'services/specs',
  allowCreateOnUpdate: true,
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
  cells: {
    Type: ({ spec }) => spec.type ?? '',
    'Cluster-IP': ({ spec }) => spec.clusterIPs?.[0] ?? (spec.clusterIP || '<none>'),
    'External-IP': externalIps,
    'Port(s)': portsText,
    Selector: ({ spec }) => labelsText(spec.selector),
  },
  strategy: serviceStrategy,
});
