import type { ServiceSpec } from '../../../generated/api/core/v1.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { areDualStack, checkIp, familyOf } from '../../checks/ip-addresses.ts';
import { isHeadless } from './kinds-of-service.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/** Source: core/validation (ValidateServiceClusterIPsRelatedFields). */
export function checkClusterIps(spec: ServiceSpec, previous: ServiceSpec | undefined, faults: FieldFaults): void {
  if (spec.type === 'ExternalName') return;
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const path = 'spec.clusterIPs';
  if (clusterIP) {
    if (clusterIPs.length === 0) faults.required(path);
    else if (clusterIPs[0] !== clusterIP) faults.invalid(path, clusterIPs, 'first value must match `clusterIP`');
  } else if (clusterIPs.length > 0) faults.invalid(path, clusterIPs, 'must be empty when `clusterIP` is not specified');
  const seen = new Set<string>();
  ipFamilies.forEach((family, index) => {
    faults.optionalOneOf(`spec.ipFamilies[${index}]`, family, FAMILIES);
    if (seen.has(family)) faults.duplicate(`spec.ipFamilies[${index}]`, family);
    seen.add(family);
  });
  faults.optionalOneOf('spec.ipFamilyPolicy', ipFamilyPolicy, POLICIES);
  let isSound = true;
  clusterIPs.forEach((ip, index) => {
    if (index > 0 || ip !== 'None') {
      isSound = checkIp(`${path}[${index}]`, ip, faults, previous?.clusterIPs) && isSound;
    } else if (clusterIPs.length > 1) {
      isSound = false;
      faults.invalid(path, clusterIPs, "'None' must be the first and only value");
    }
  });
  if (clusterIPs.length > 2) faults.invalid(path, clusterIPs, 'may only hold up to 2 values');
  if (!isSound) return;
  if (clusterIPs.length > 1 && !areDualStack(clusterIPs))
    faults.invalid(path, clusterIPs, 'may specify no more than one IP for each IP family');
  if (isHeadless(spec)) return;
  clusterIPs.forEach((ip, index) => {
    const family = ipFamilies[index];
    const isIpv6 = familyOf(ip) === 6;
    if ((family === 'IPv4' && isIpv6) || (family === 'IPv6' && !isIpv6))
      faults.invalid(`${path}[${index}]`, ip, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``);
  });
}
