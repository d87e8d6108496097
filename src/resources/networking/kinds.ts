import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import type { EndpointSlice as OldEndpointSlice } from '../../generated/api/discovery/v1beta1.ts';
import type {
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
} from '../../generated/api/networking/v1.ts';
import {
  endpointslices,
  ingressclasses,
  ingresses,
  ipaddresses,
  networkpolicies,
  type ResourceType,
  servicecidrs,
} from '../../generated/resource-types.ts';
import { type FieldError, fieldNotSupported, fieldRequired } from '../../machinery/errors/field-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { selectorText } from '../apps/workload.ts';
import { defineResource } from '../define.ts';
import { ageColumn, column, nameColumn } from '../legacy-columns.ts';
import { specAndStatus } from '../status-strategy.ts';

const ingress = defineResource(ingresses, {
  storagePrefix: 'ingress',
  generation: 'spec',
  columns: [
    nameColumn,
    column('Class', ({ spec }: Ingress) => spec?.ingressClassName || '<none>'),
    column('Hosts', ({ spec }) => {
      const hosts = (spec?.rules ?? []).map(({ host }) => host).filter((host) => host);
      const shown = hosts.slice(0, 3).join(',');
      return hosts.length > 3 ? `${shown} + ${hosts.length - 3} more...` : shown || '*';
    }),
    column('Address', ({ status }) =>
      (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname).join(','),
    ),
    column('Ports', ({ spec }) => ((spec?.tls ?? []).length > 0 ? '80, 443' : '80')),
    ageColumn,
  ],
  strategy: specAndStatus<Ingress>({
    validateCreate({ spec }) {
      return (spec?.rules ?? []).length === 0 && !spec?.defaultBackend
        ? [fieldRequired('spec', 'either `defaultBackend` or `rules` must be specified')]
        : [];
    },
  }),
});

const ingressClass = defineResource(ingressclasses, {
  generation: 'spec',
  columns: [
    nameColumn,
    column('Controller', ({ spec }: IngressClass) => spec?.controller ?? ''),
    column('Parameters', ({ spec }) => {
      const { apiGroup, kind, name } = spec?.parameters ?? {};
      return kind === undefined ? '<none>' : `${apiGroup ? `${kind}.${apiGroup}` : kind}/${name}`;
    }),
    ageColumn,
  ],
});

const networkPolicy = defineResource(networkpolicies, {
  generation: 'spec',
  columns: [
    nameColumn,
    column('Pod-Selector', ({ spec }: NetworkPolicy) => selectorText(spec?.podSelector)),
    ageColumn,
  ],
  strategy: {
    applyDefaults({ spec }: NetworkPolicy) {
      for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
        for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
      }
      if (!spec.policyTypes?.length)
        spec.policyTypes = spec.egress === undefined || spec.egress === null ? ['Ingress'] : ['Ingress', 'Egress'];
    },
  },
});

const ipAddress = defineResource(ipaddresses, {
  generation: 'spec',
  columns: [
    nameColumn,
    column('ParentRef', ({ spec }: IPAddress) => {
      const { group, resource, namespace, name } = spec?.parentRef ?? {};
      return [group ? `${resource}.${group}` : resource, namespace, name].filter((part) => part).join('/');
    }),
    ageColumn,
  ],
});

const serviceCidr = defineResource(servicecidrs, {
  generation: 'spec',
  columns: [nameColumn, column('CIDRs', ({ spec }: ServiceCIDR) => (spec?.cidrs ?? []).join(',')), ageColumn],
  strategy: specAndStatus<ServiceCIDR>(),
});

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

function defaultSlice({ ports }: EndpointSlice): void {
  for (const port of ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}

const slice = defineResource(endpointslices, {
  generation: 'spec',
  columns: [
    nameColumn,
    column('AddressType', ({ addressType }) => addressType ?? ''),
    column('Ports', ({ ports }) => {
      const texts = (ports ?? []).map(({ port }) => String(port ?? '*'));
      return texts.length === 0
        ? '<unset>'
        : texts.length > 3
          ? `${texts.slice(0, 3).join(',')} + ${texts.length - 3} more...`
          : texts.join(',');
    }),
    column('Endpoints', ({ endpoints }) => {
      const texts = (endpoints ?? []).flatMap(({ addresses }) => addresses ?? []);
      return texts.length === 0
        ? '<unset>'
        : texts.length > 3
          ? `${texts.slice(0, 3).join(',')} + ${texts.length - 3} more...`
          : texts.join(',');
    }),
    ageColumn,
  ],
  strategy: {
    applyDefaults: defaultSlice,
    validateCreate({ addressType }) {
      const faults: FieldError[] = [];
      if (!addressType) faults.push(fieldRequired('addressType'));
      else if (!ADDRESS_TYPES.includes(addressType))
        faults.push(fieldNotSupported('addressType', addressType, ADDRESS_TYPES));
      return faults;
    },
  },
});

/** The version that kube-proxies before 1.22 watch. It is not in discovery: newer clients need not know of it. */
const oldSlices: ResourceType<OldEndpointSlice> = {
  ...endpointslices,
  version: 'v1beta1',
} as ResourceType<OldEndpointSlice>;

/** Source: pkg/apis/discovery/v1beta1/conversion.go. */
function toOldSlice(stored: AnyObject): AnyObject {
  const { endpoints, ...rest } = stored as unknown as EndpointSlice;
  const converted = (endpoints ?? []).map(({ zone, deprecatedTopology, ...endpoint }) => {
    const topology: Record<string, string> = {
      ...deprecatedTopology,
      ...(zone ? { 'topology.kubernetes.io/zone': zone } : {}),
    };
    if (endpoint.nodeName) topology['kubernetes.io/hostname'] = endpoint.nodeName;
    return { ...endpoint, ...(Object.keys(topology).length > 0 ? { topology } : {}) };
  });
  return { ...rest, endpoints: converted } as unknown as AnyObject;
}

function fromOldSlice(object: AnyObject): AnyObject {
  const { endpoints, ...rest } = object as unknown as OldEndpointSlice;
  const converted = (endpoints ?? []).map(({ topology, ...endpoint }) => {
    const { 'kubernetes.io/hostname': _host, 'topology.kubernetes.io/zone': zone, ...others } = topology ?? {};
    return {
      ...endpoint,
      ...(zone ? { zone } : {}),
      ...(Object.keys(others).length > 0 ? { deprecatedTopology: others } : {}),
    };
  });
  return { ...rest, apiVersion: 'discovery.k8s.io/v1', endpoints: converted } as unknown as AnyObject;
}

const oldSlice = {
  ...defineResource(oldSlices, {
    storageVersion: 'v1',
    convert: { fromStorage: toOldSlice, toStorage: fromOldSlice },
    columns: slice.columns as never,
  }),
  singular: 'endpointslice',
  verbs: ['get', 'list', 'watch'],
  hidden: true,
} as unknown as ResourceDefinition;
Object.defineProperty(oldSlice, 'schema', { enumerable: true, get: () => defineResource(oldSlices).schema });

export const networkingKinds = [ingress, ingressClass, ipAddress, networkPolicy, serviceCidr, slice, oldSlice];
