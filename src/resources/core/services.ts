import type { Service } from '../../generated/api/core/v1.ts';
import { services } from '../../generated/resource-types.ts';
import {
  type FieldError,
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from '../../machinery/errors/field-error.ts';
import { dns1035LabelFaults, dns1123LabelFaults, portNumberFaults } from '../../machinery/values/names.ts';
import { ageColumn, column, labelsText, nameColumn, wide } from '../columns.ts';
import { defineResource } from '../define.ts';
import { specAndStatus } from '../status-strategy.ts';

/** Source: pkg/apis/core/v1/defaults.go (SetDefaults_Service). */
function applyDefaults(service: Service): void {
  const { spec } = service;
  if (!spec.sessionAffinity) spec.sessionAffinity = 'None';
  if (spec.sessionAffinity === 'None') spec.sessionAffinityConfig = undefined;
  else {
    spec.sessionAffinityConfig ??= {};
    spec.sessionAffinityConfig.clientIP ??= {};
    spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= 10_800;
  }
  if (!spec.type) spec.type = 'ClusterIP';
  for (const port of spec.ports ?? []) {
    if (!port.protocol) port.protocol = 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  const external =
    spec.type === 'NodePort' ||
    spec.type === 'LoadBalancer' ||
    (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
  if (external && !spec.externalTrafficPolicy) spec.externalTrafficPolicy = 'Cluster';
  if (spec.type !== 'ExternalName' && !spec.internalTrafficPolicy) spec.internalTrafficPolicy = 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const AFFINITIES = ['ClientIP', 'None'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

/** Source: pkg/apis/core/validation/validation.go (ValidateService). */
function validate({ spec }: Service): readonly FieldError[] {
  const faults: FieldError[] = [];
  const ports = spec.ports ?? [];
  if (ports.length === 0 && spec.clusterIP !== 'None' && spec.type !== 'ExternalName')
    faults.push(fieldRequired('spec.ports'));
  const names = new Set<string>();
  const pairs = new Set<string>();
  ports.forEach((port, index) => {
    const at = `spec.ports[${index}]`;
    if (!port.name && ports.length > 1) faults.push(fieldRequired(`${at}.name`));
    else if (port.name) {
      for (const fault of dns1123LabelFaults(port.name)) faults.push(fieldInvalid(`${at}.name`, port.name, fault));
      if (names.has(port.name)) faults.push(fieldDuplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    for (const fault of portNumberFaults(port.port ?? 0))
      faults.push(fieldInvalid(`${at}.port`, port.port ?? 0, fault));
    if (!PROTOCOLS.includes(port.protocol ?? ''))
      faults.push(fieldNotSupported(`${at}.protocol`, port.protocol, PROTOCOLS));
    if (typeof port.targetPort === 'number') {
      for (const fault of portNumberFaults(port.targetPort))
        faults.push(fieldInvalid(`${at}.targetPort`, port.targetPort, fault));
    }
    const pair = `${port.protocol}/${port.port}`;
    if (pairs.has(pair)) faults.push(fieldDuplicate(at, { protocol: port.protocol, port: port.port }));
    pairs.add(pair);
  });
  if (!TYPES.includes(spec.type ?? '')) faults.push(fieldNotSupported('spec.type', spec.type, TYPES));
  if (!AFFINITIES.includes(spec.sessionAffinity ?? ''))
    faults.push(fieldNotSupported('spec.sessionAffinity', spec.sessionAffinity, AFFINITIES));
  if (spec.type === 'ExternalName' && !spec.externalName) faults.push(fieldRequired('spec.externalName'));
  return faults;
}

function externalIps({ spec, status }: Service): string {
  const own = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'LoadBalancer': {
      const given = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').sort();
      const all = [...new Set([...given, ...own])];
      return all.length > 0 ? all.join(',') : '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return own.length > 0 ? own.join(',') : '<none>';
  }
}

export const servicesResource = defineResource(services, {
  storagePrefix: 'services/specs',
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
  columns: [
    nameColumn,
    column('Type', ({ spec }) => spec.type ?? ''),
    column('Cluster-IP', ({ spec }) => spec.clusterIP || '<none>'),
    column('External-IP', externalIps),
    column('Port(s)', ({ spec }) => {
      const ports = (spec.ports ?? []).map(
        ({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`,
      );
      return ports.length > 0 ? ports.join(',') : '<none>';
    }),
    ageColumn,
    column('Selector', ({ spec }) => labelsText(spec.selector), wide),
  ],
  strategy: specAndStatus<Service>({
    applyDefaults,
    validateCreate: (service) => [
      ...dns1035LabelFaults(service.metadata.name ?? '').map((fault) =>
        fieldInvalid('metadata.name', service.metadata.name, fault),
      ),
      ...validate(service),
    ],
    validateUpdate: validate,
  }),
});
