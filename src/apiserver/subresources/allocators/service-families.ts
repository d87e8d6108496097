import type { Service, ServiceSpec } from '../../../generated/api/core/v1.ts';
import { type FieldError, fieldInvalid } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../../resources/checks/field-faults.ts';
import { checkClusterIps } from '../../../resources/core/service/cluster-ips.ts';
import { isSame } from '../../registry/equality.ts';
import { familyOf, type IpFamily } from './ip-range.ts';

/**
 * Fills `ipFamilyPolicy` and `ipFamilies` of a service and judges them against the families of the cluster.
 * Source: `pkg/registry/core/service/storage/alloc.go` (initIPFamilyFields).
 */
export function fillFamilies(
  spec: ServiceSpec,
  previous: ServiceSpec | undefined,
  known: readonly IpFamily[],
): readonly FieldError[] {
  if (spec.type === 'ExternalName' || isSettled(spec, previous)) return [];
  const headless = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= previous?.ipFamilyPolicy ?? (headless ? 'RequireDualStack' : 'SingleStack');
  const related = new FieldFaults();
  checkClusterIps(spec, previous, related);
  if (related.count > 0) return related.list;
  const faults = [...reduce(spec, previous), ...fromAddresses(spec, known)];
  if (faults.length > 0) return faults;
  const first = known[0] ?? 'IPv4';
  if (headless) {
    if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = [first];
    addSecond(spec, spec.ipFamilyPolicy !== 'SingleStack');
    return [];
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && known.length < 2) {
    const text = 'this cluster is not configured for dual-stack services';
    faults.push(fieldInvalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, text));
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (known.includes(family as IpFamily)) continue;
    faults.push(fieldInvalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  }
  if (faults.length > 0) return faults;
  if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = [first];
  addSecond(spec, spec.ipFamilyPolicy !== 'SingleStack' && known.length === 2);
  return [];
}

/** A PreferDualStack service whose addresses stay as they are needs no second look. */
function isSettled(spec: ServiceSpec, previous: ServiceSpec | undefined): boolean {
  if (previous === undefined || spec.ipFamilyPolicy !== 'PreferDualStack') return false;
  if (previous.type !== spec.type || (previous.ipFamilyPolicy ?? 'PreferDualStack') !== 'PreferDualStack') return false;
  return isSame(previous.clusterIPs, spec.clusterIPs) && isSame(previous.ipFamilies, spec.ipFamilies);
}

function reduce(spec: ServiceSpec, previous: ServiceSpec | undefined): FieldError[] {
  const faults: FieldError[] = [];
  const path = 'spec.ipFamilyPolicy';
  const policy = spec.ipFamilyPolicy;
  const single = policy === 'SingleStack';
  if (previous !== undefined && single) {
    if (isSame(previous.clusterIPs, spec.clusterIPs)) spec.clusterIPs = spec.clusterIPs?.slice(0, 1);
    if (isSame(previous.ipFamilies, spec.ipFamilies)) spec.ipFamilies = spec.ipFamilies?.slice(0, 1);
  } else if (previous !== undefined) {
    if (isReduced(spec.clusterIPs, previous.clusterIPs)) {
      faults.push(fieldInvalid(path, policy, "must be 'SingleStack' to release the secondary cluster IP"));
    }
    if (isReduced(spec.ipFamilies, previous.ipFamilies)) {
      faults.push(fieldInvalid(path, policy, "must be 'SingleStack' to release the secondary IP family"));
    }
  }
  if (single && spec.clusterIPs?.length === 2) {
    const text = "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified";
    faults.push(fieldInvalid(path, policy, text));
  }
  if (single && spec.ipFamilies?.length === 2) {
    const text = "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified";
    faults.push(fieldInvalid(path, policy, text));
  }
  return faults;
}

function isReduced(next: readonly string[] = [], previous: readonly string[] = []): boolean {
  return next.length > 0 && next.length < previous.length;
}

/** Families that follow from addresses that were asked for. */
function fromAddresses(spec: ServiceSpec, known: readonly IpFamily[]): FieldError[] {
  const faults: FieldError[] = [];
  const families = [...(spec.ipFamilies ?? [])];
  for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
    const family = familyOf(ip);
    if (ip === 'None') break;
    if (index < families.length || family === undefined) continue;
    if (known.includes(family)) families.push(family);
    else
      faults.push(
        fieldInvalid(`spec.clusterIPs[${index}]`, spec.clusterIPs, `${family} is not configured on this cluster`),
      );
  }
  if (families.length > 0) spec.ipFamilies = families;
  return faults;
}

function addSecond(spec: ServiceSpec, wanted: boolean): void {
  const [first, second] = spec.ipFamilies ?? [];
  if (!wanted || first === undefined || second !== undefined) return;
  spec.ipFamilies = [first, first === 'IPv4' ? 'IPv6' : 'IPv4'];
}

/** Keeps what the server had given where an update leaves it out. Source: `storage.go` (patchAllocatedValues). */
export function keepAllocated(spec: ServiceSpec, previous: ServiceSpec): void {
  if (previous.type !== 'ExternalName' && spec.type !== 'ExternalName') {
    if (!spec.clusterIP && previous.clusterIP !== undefined) spec.clusterIP = previous.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && previous.clusterIPs !== undefined)
      spec.clusterIPs = [...previous.clusterIPs];
  }
  if (wantsNodePorts(previous) && wantsNodePorts(spec)) keepNodePorts(spec, previous);
  if (wantsHealthPort(previous) && wantsHealthPort(spec) && !spec.healthCheckNodePort) {
    spec.healthCheckNodePort = previous.healthCheckNodePort;
  }
}

function keepNodePorts(spec: ServiceSpec, previous: ServiceSpec): void {
  const before = new Map((previous.ports ?? []).map((port) => [port.name ?? '', port.nodePort ?? 0]));
  const used = new Set((spec.ports ?? []).map((port) => port.nodePort ?? 0));
  for (const port of spec.ports ?? []) {
    const known = before.get(port.name ?? '') ?? 0;
    if (!port.nodePort && known !== 0 && !used.has(known)) port.nodePort = known;
  }
}

/** Makes `clusterIP` and `clusterIPs` agree. Source: `storage.go` (normalizeClusterIPs). */
export function agreeAddresses(spec: ServiceSpec, previous: ServiceSpec | undefined): void {
  const unset = (spec.clusterIPs ?? []).length === 0;
  if (previous === undefined) {
    if (spec.clusterIP && unset) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const same = isSame(previous.clusterIPs, spec.clusterIPs);
  if ((previous.clusterIPs ?? []).length > 0 && unset && previous.clusterIP === spec.clusterIP) {
    spec.clusterIPs = [...(previous.clusterIPs ?? [])];
  }
  if ((previous.clusterIP ?? '') === (spec.clusterIP ?? '') || !same) return;
  if (previous.clusterIP && !spec.clusterIP) delete spec.clusterIPs;
  else spec.clusterIPs = [spec.clusterIP ?? ''];
}

export function wantsNodePorts(spec: ServiceSpec): boolean {
  if (spec.type === 'NodePort') return true;
  return spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false;
}

export function wantsHealthPort(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

/** Addresses that the service holds. */
export function addressesOf(service: Service): readonly string[] {
  if (service.spec?.type === 'ExternalName') return [];
  const all = service.spec?.clusterIPs ?? (service.spec?.clusterIP ? [service.spec.clusterIP] : []);
  return all.filter((ip) => familyOf(ip) !== undefined);
}
