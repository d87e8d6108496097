import type { Service, ServiceSpec } from '../../../generated/api/core/v1.ts';
import type { Strategy } from '../../../machinery/object/resource-definition.ts';
import { balancerWarnings } from '../../checks/ip-addresses.ts';
import { isSame } from '../../checks/same.ts';
import { isExternallyAccessible, needsHealthPort } from './kinds-of-service.ts';
import { validateServiceUpdate } from './update-validation.ts';
import { validateService, validateServiceStatus } from './validation.ts';
import { serviceWarnings } from './warnings.ts';

const AFFINITY_SECONDS = 10_800;

/** Source: pkg/apis/core/v1/defaults.go (SetDefaults_Service). */
function applyDefaults({ spec, status }: Service): void {
  if (!spec.sessionAffinity) spec.sessionAffinity = 'None';
  if (spec.sessionAffinity === 'None') spec.sessionAffinityConfig = undefined;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } };
  if (!spec.type) spec.type = 'ClusterIP';
  for (const port of spec.ports ?? []) {
    if (!port.protocol) port.protocol = 'TCP';
    if (!port.targetPort) port.targetPort = port.port;
  }
  if (isExternallyAccessible(spec) && !spec.externalTrafficPolicy) spec.externalTrafficPolicy = 'Cluster';
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer' || spec.type === 'ClusterIP')
    spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'LoadBalancer') return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
}

const hasNodePorts = ({ type }: ServiceSpec): boolean => type === 'NodePort' || type === 'LoadBalancer';

/** What belonged to the type that the service had goes, unless the update set it anew. Source: pkg/registry/core/service/strategy.go. */
function dropTypeDependent(next: Service, previous: Service): void {
  const { spec } = next;
  const { spec: old } = previous;
  const isKept = (field: keyof ServiceSpec): boolean => isSame(spec[field], old[field]);
  if (old.type !== 'ExternalName' && spec.type === 'ExternalName') {
    if (isKept('clusterIP') && isKept('clusterIPs')) {
      spec.clusterIP = undefined;
      spec.clusterIPs = undefined;
    }
    if (isKept('ipFamilies')) spec.ipFamilies = undefined;
    if (isKept('ipFamilyPolicy')) spec.ipFamilyPolicy = undefined;
  }
  if (hasNodePorts(old) && !hasNodePorts(spec)) {
    const known = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
    const ports = spec.ports ?? [];
    if (ports.every(({ nodePort }) => !nodePort || known.has(nodePort)))
      for (const port of ports) port.nodePort = undefined;
  }
  if (needsHealthPort(old) && !needsHealthPort(spec) && isKept('healthCheckNodePort'))
    spec.healthCheckNodePort = undefined;
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (isKept('allocateLoadBalancerNodePorts')) spec.allocateLoadBalancerNodePorts = undefined;
    if (isKept('loadBalancerClass')) spec.loadBalancerClass = undefined;
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(spec) && isKept('externalTrafficPolicy'))
    spec.externalTrafficPolicy = undefined;
  if (spec.type !== 'LoadBalancer') next.status = { ...next.status, loadBalancer: {} };
}

/** Upstream never shows it of such services. Source: pkg/registry/core/service/storage (defaultOnReadInternalTrafficPolicy). */
function dropForeignPolicy({ spec }: Service): void {
  const { type, internalTrafficPolicy } = spec;
  if (type !== 'ExternalName') return;
  if (internalTrafficPolicy === 'Cluster' || internalTrafficPolicy === 'Local') spec.internalTrafficPolicy = undefined;
}

export const serviceStrategy: Strategy<Service> = {
  applyDefaults,
  prepareForCreate(service) {
    service.status = undefined;
    dropForeignPolicy(service);
  },
  validateCreate: (service) => validateService(service, undefined),
  prepareForUpdate(next, previous) {
    next.status = previous.status;
    dropTypeDependent(next, previous);
    dropForeignPolicy(next);
  },
  validateUpdate: validateServiceUpdate,
  prepareForStatusUpdate(next, previous) {
    next.spec = previous.spec;
  },
  validateStatusUpdate: validateServiceStatus,
  warningsOnCreate: serviceWarnings,
  warningsOnUpdate: serviceWarnings,
  warningsOnStatusUpdate: ({ status }) => balancerWarnings(status?.loadBalancer),
};
