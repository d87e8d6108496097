import type { FieldFaults } from '../../checks/field-faults.ts';
import { canonicalIp, familyOf, parseRange } from '../../checks/ip-addresses.ts';

/** An address of an interface with the size of its network. Source: apimachinery `ip.go` (IsValidInterfaceAddress). */
export function checkInterfaceAddress(path: string, value: string, faults: FieldFaults): void {
  const range = parseRange(value);
  const ip = value.slice(0, value.indexOf('/'));
  if (range === undefined || familyOf(ip) === undefined) {
    const why = 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)';
    return faults.invalid(path, value, why);
  }
  const canonical = `${canonicalIp(ip)}/${range.prefixBits}`;
  if (value !== canonical) faults.invalid(path, value, `must be in canonical form ("${canonical}")`);
}
