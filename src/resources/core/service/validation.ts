import type { Service, ServicePort, ServiceSpec } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { portNumberFaults } from '../../../machinery/values/names.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkCidr, checkEndpointIp, checkIp, familyOf } from '../../checks/ip-addresses.ts';
import { checkLabels } from '../../checks/labels.ts';
import { checkDnsLabel, checkDnsSubdomain, checkQualifiedName } from '../../checks/names.ts';
import { checkPort } from '../pod-spec/probes.ts';
import { checkClusterIps } from './cluster-ips.ts';
import { isExternallyAccessible, isHeadless, needsHealthPort } from './kinds-of-service.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const AFFINITIES = ['ClientIP', 'None'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const POLICIES = ['Cluster', 'Local'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
const HINTS = 'service.kubernetes.io/topology-aware-hints';
const MODE = 'service.kubernetes.io/topology-mode';
const RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** @param previous - The stored service on update. Source: core/validation (ValidateServiceCreate, validateService). */
export function validateService(service: Service, previous: Service | undefined): readonly FieldError[] {
  const faults = new FieldFaults();
  checkService(service, previous, faults);
  return faults.list;
}

export function checkService(service: Service, previous: Service | undefined, faults: FieldFaults): void {
  const { metadata, spec } = service;
  const hints = metadata.annotations?.[HINTS];
  const mode = metadata.annotations?.[MODE];
  if (hints !== undefined && mode !== undefined && hints !== mode) {
    const why = `must match annotations[${HINTS}] when both are specified`;
    faults.invalid(`metadata.annotations[${MODE}]`, mode, why);
  }
  if ((spec.ports ?? []).length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName')
    faults.required('spec.ports');
  checkType(spec, faults);
  const names = new Set<string>();
  spec.ports?.forEach((port, index) => {
    checkServicePort(port, spec, names, `spec.ports[${index}]`, faults);
  });
  checkLabels(spec.selector, 'spec.selector', faults);
  checkAffinity(spec, faults);
  checkClusterIps(spec, previous?.spec, faults);
  spec.externalIPs?.forEach((ip, index) => {
    const at = `spec.externalIPs[${index}]`;
    if (checkIp(at, ip, faults, previous?.spec.externalIPs)) checkEndpointIp(at, ip, faults);
  });
  faults.oneOf('spec.type', spec.type, TYPES);
  checkNumbers(spec, faults);
  checkSourceRanges(service, previous, faults);
  const onlyBalanced = "may only be used when `type` is 'LoadBalancer'";
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== 'LoadBalancer')
    faults.forbidden('spec.allocateLoadBalancerNodePorts', onlyBalanced);
  checkLoadBalancerClass(spec, faults);
  checkTrafficPolicies(spec, faults);
  const { trafficDistribution } = spec;
  faults.optionalOneOf('spec.trafficDistribution', trafficDistribution, DISTRIBUTIONS);
}

function checkType(spec: ServiceSpec, faults: FieldFaults): void {
  const { type } = spec;
  if ((type === 'LoadBalancer' || type === 'NodePort') && isHeadless(spec))
    faults.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`);
  if (type !== 'ExternalName') return;
  const why = 'may not be set for ExternalName services';
  if ((spec.clusterIPs ?? []).length > 0) faults.forbidden('spec.clusterIPs', why);
  if ((spec.ipFamilies ?? []).length > 0) faults.forbidden('spec.ipFamilies', why);
  if (spec.ipFamilyPolicy !== undefined) faults.forbidden('spec.ipFamilyPolicy', why);
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') faults.required('spec.externalName');
  else checkDnsSubdomain('spec.externalName', name, faults);
}

function checkServicePort(
  port: ServicePort,
  spec: ServiceSpec,
  names: Set<string>,
  path: string,
  faults: FieldFaults,
): void {
  const { name } = port;
  if (name) {
    checkDnsLabel(`${path}.name`, name, faults);
    if (names.has(name)) faults.duplicate(`${path}.name`, name);
    names.add(name);
  } else if ((spec.ports ?? []).length > 1) faults.required(`${path}.name`);
  faults.invalidFor(`${path}.port`, port.port ?? 0, portNumberFaults(port.port ?? 0));
  faults.oneOf(`${path}.protocol`, port.protocol, PROTOCOLS);
  checkPort(port.targetPort, `${path}.targetPort`, faults);
  if (port.appProtocol !== undefined) checkQualifiedName(`${path}.appProtocol`, port.appProtocol, faults);
}

const MAX_AFFINITY_SECONDS = 86_400;

function checkAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec, faults: FieldFaults): void {
  faults.oneOf('spec.sessionAffinity', sessionAffinity, AFFINITIES);
  const path = 'spec.sessionAffinityConfig';
  if (sessionAffinity === 'None') {
    if (sessionAffinityConfig) faults.forbidden(path, 'must not be set when session affinity is None');
    return;
  }
  if (sessionAffinity !== 'ClientIP') return;
  const why = 'when session affinity type is ClientIP';
  if (!sessionAffinityConfig) return faults.required(path, why);
  const { clientIP } = sessionAffinityConfig;
  if (!clientIP) return faults.required(`${path}.clientIP`, why);
  const { timeoutSeconds } = clientIP;
  const at = `${path}.clientIP.timeoutSeconds`;
  if (timeoutSeconds === undefined) faults.required(at, why);
  else if (timeoutSeconds <= 0 || timeoutSeconds > MAX_AFFINITY_SECONDS)
    faults.invalid(at, timeoutSeconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`);
}

/** Ports of nodes only where the type has them, and nothing twice. */
function checkNumbers({ type, ports = [] }: ServiceSpec, faults: FieldFaults): void {
  if (type === 'ClusterIP')
    ports.forEach(({ nodePort }, index) => {
      if (nodePort) faults.forbidden(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'");
    });
  const nodePorts = new Set<string>();
  ports.forEach(({ nodePort, protocol }, index) => {
    if (!nodePort) return;
    const key = `${protocol}/${nodePort}`;
    if (nodePorts.has(key)) faults.duplicate(`spec.ports[${index}].nodePort`, nodePort);
    nodePorts.add(key);
  });
  const taken = new Set<string>();
  ports.forEach(({ port, protocol }, index) => {
    const key = `${protocol}/${port}`;
    if (taken.has(key)) faults.duplicate(`spec.ports[${index}]`, toGoView({ port, protocol }, 'core/v1.ServicePort'));
    taken.add(key);
  });
}

function checkSourceRanges({ metadata, spec }: Service, previous: Service | undefined, faults: FieldFaults): void {
  const onlyBalanced = "may only be used when `type` is 'LoadBalancer'";
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const text = metadata.annotations?.[RANGES];
  if (ranges.length > 0) {
    const path = 'spec.LoadBalancerSourceRanges';
    if (spec.type !== 'LoadBalancer') faults.forbidden(path, onlyBalanced);
    const known = (previous?.spec.loadBalancerSourceRanges ?? []).map((range) => range.trim());
    ranges.forEach((range, index) => {
      checkCidr(`${path}[${index}]`, range.trim(), faults, known);
    });
  } else if (text !== undefined) {
    const path = `metadata.annotations[${RANGES}]`;
    if (spec.type !== 'LoadBalancer') faults.forbidden(path, onlyBalanced);
    if (previous?.metadata.annotations?.[RANGES] === text || text.trim() === '') return;
    for (const range of text.split(',')) checkCidr(path, range.trim(), faults);
  }
}

export function checkLoadBalancerClass({ type, loadBalancerClass }: ServiceSpec, faults: FieldFaults): void {
  if (loadBalancerClass === undefined) return;
  const at = 'spec.loadBalancerClass';
  if (type === 'LoadBalancer') checkQualifiedName(at, loadBalancerClass, faults);
  else faults.forbidden(at, "may only be used when `type` is 'LoadBalancer'");
}

function checkTrafficPolicies(spec: ServiceSpec, faults: FieldFaults): void {
  const { externalTrafficPolicy, healthCheckNodePort = 0, internalTrafficPolicy, type } = spec;
  const at = 'spec.externalTrafficPolicy';
  if (isExternallyAccessible(spec)) faults.oneOf(at, externalTrafficPolicy, POLICIES);
  else if (externalTrafficPolicy)
    faults.invalid(at, externalTrafficPolicy, 'may only be set for externally-accessible services');
  const health = 'spec.healthCheckNodePort';
  if (!needsHealthPort(spec)) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    if (healthCheckNodePort !== 0) faults.invalid(health, healthCheckNodePort, why);
  } else if (healthCheckNodePort === 0) faults.required(health);
  else faults.invalidFor(health, healthCheckNodePort, portNumberFaults(healthCheckNodePort));
  if (internalTrafficPolicy !== undefined)
    faults.optionalOneOf('spec.internalTrafficPolicy', internalTrafficPolicy, POLICIES);
  else if (type === 'NodePort' || type === 'LoadBalancer' || type === 'ClusterIP')
    faults.required('spec.internalTrafficPolicy');
}

/** Source: core/validation (ValidateLoadBalancerStatus). */
export function validateServiceStatus({ spec, status }: Service, previous: Service): readonly FieldError[] {
  const faults = new FieldFaults();
  const path = 'status.loadBalancer.ingress';
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (spec.type !== 'LoadBalancer') {
    if (ingress.length > 0) faults.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'");
    return faults.list;
  }
  const known = (previous.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '');
  ingress.forEach(({ ip, ipMode, hostname }, index) => {
    const at = `${path}[${index}]`;
    if (ip) checkIp(`${at}.ip`, ip, faults, known);
    if (ipMode === undefined) {
      if (ip) faults.required(`${at}.ipMode`, 'must be specified when `ip` is set');
    } else if (!ip) faults.forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set');
    else faults.optionalOneOf(`${at}.ipMode`, ipMode, ['Proxy', 'VIP']);
    if (!hostname) return;
    checkDnsSubdomain(`${at}.hostname`, hostname, faults);
    if (familyOf(hostname) !== undefined)
      faults.invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address');
  });
  return faults.list;
}
