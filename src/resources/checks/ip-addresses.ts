import { type Cidr, formatCidr, formatIp, type IpAddress, parseIp, widthOf } from '../../std/cidr.ts';
import type { FieldFaults } from './field-faults.ts';

/** Source of all: apimachinery `pkg/util/validation/ip.go`; `k8s.io/utils/net` (ParseIPSloppy). */

interface Sloppy {
  readonly ip: IpAddress;
  readonly hasLeadingZeros: boolean;
  /** `::ffff:1.2.3.4`: IPv4 in IPv6's notation; `ip` is the IPv4 address. */
  readonly isMapped: boolean;
}

const MAPPED_PREFIX = 0xffffn;

/** Reads an address as old Go did: zeros may lead in IPv4's numbers. Undefined for any other text. */
function parseSloppy(text: string): Sloppy | undefined {
  const plain = text.includes('.') && !text.includes(':') ? text.replace(/(^|\.)0+(?=\d)/g, '$1') : text;
  if (text.includes('%')) return undefined;
  try {
    const ip = parseIp(plain);
    const isMapped = ip.family === 6 && ip.value >> 32n === MAPPED_PREFIX;
    return {
      ip: isMapped ? { family: 4, value: ip.value & 0xffffffffn } : ip,
      hasLeadingZeros: plain !== text,
      isMapped,
    };
  } catch {
    return undefined;
  }
}

/** The family of an address text; undefined where it is none. IPv4 in IPv6's notation is IPv4, as in Go. */
export function familyOf(text: string): 4 | 6 | undefined {
  return parseSloppy(text)?.ip.family;
}

export function parseSloppyIp(text: string): IpAddress | undefined {
  return parseSloppy(text)?.ip;
}

/** An address in a field that once took sloppy ones; those that stood there before may stay. */
export function checkIp(path: string, value: string, faults: FieldFaults, known: readonly string[] = []): boolean {
  if (known.includes(value)) return true;
  const before = faults.count;
  const parsed = parseSloppy(value);
  if (parsed === undefined) {
    faults.invalid(path, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    return false;
  }
  if (parsed.hasLeadingZeros) faults.invalid(path, value, 'must not have leading 0s');
  if (parsed.isMapped) faults.invalid(path, value, 'must not be an IPv4-mapped IPv6 address');
  return faults.count === before;
}

/** An address in the one way it should be written. */
export function checkCanonicalIp(path: string, value: string, faults: FieldFaults): boolean {
  if (!checkIp(path, value, faults)) return false;
  const canonical = canonicalIp(value);
  if (value === canonical) return true;
  faults.invalid(path, value, `must be in canonical form ("${canonical}")`);
  return false;
}

export function canonicalIp(value: string): string | undefined {
  const ip = parseSloppy(value)?.ip;
  return ip === undefined ? undefined : formatIp(ip);
}

interface SloppyCidr extends Sloppy {
  readonly cidr: Cidr;
  readonly hasHostBits: boolean;
}

function parseSloppyCidr(text: string): SloppyCidr | undefined {
  const slash = text.indexOf('/');
  const bitsText = text.slice(slash + 1);
  const address = slash < 0 ? undefined : parseSloppy(text.slice(0, slash));
  if (address === undefined || !/^\d{1,4}$/.test(bitsText)) return undefined;
  const bits = Number(bitsText);
  if (bits > (text.slice(0, slash).includes(':') ? 128 : 32)) return undefined;
  const prefixBits = address.isMapped ? Math.max(bits - 96, 0) : bits;
  const hostBits = BigInt(widthOf(address.ip) - prefixBits);
  const value = (address.ip.value >> hostBits) << hostBits;
  return {
    ...address,
    hasLeadingZeros: address.hasLeadingZeros || /^0\d/.test(bitsText),
    cidr: { family: address.ip.family, value, prefixBits },
    hasHostBits: value !== address.ip.value,
  };
}

/** A range; those that stood there before may stay as they are. */
export function checkCidr(path: string, value: string, faults: FieldFaults, known: readonly string[] = []): boolean {
  if (known.includes(value)) return true;
  const parsed = parseSloppyCidr(value);
  if (parsed === undefined) {
    faults.invalid(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)');
    return false;
  }
  if (parsed.hasLeadingZeros) faults.invalid(path, value, 'must not have leading 0s in IP or prefix length');
  else if (parsed.isMapped) faults.invalid(path, value, 'must not have an IPv4-mapped IPv6 address');
  else if (parsed.hasHostBits) faults.invalid(path, value, 'must not have bits set beyond the prefix length');
  else return true;
  return false;
}

/** A range in the one way it should be written. */
export function checkCanonicalCidr(path: string, value: string, faults: FieldFaults): boolean {
  if (!checkCidr(path, value, faults)) return false;
  const cidr = parseRange(value);
  const canonical = cidr === undefined ? '' : formatCidr(cidr);
  if (value === canonical) return true;
  faults.invalid(path, value, `must be in canonical form ("${canonical}")`);
  return false;
}

/** A range without its host bits; undefined where the text is none. */
export function parseRange(value: string): Cidr | undefined {
  return parseSloppyCidr(value)?.cidr;
}

/** Whether the texts are of both families; undefined where one is no address. */
export function areDualStack(ips: readonly string[]): boolean | undefined {
  const families = ips.map((ip) => familyOf(ip.split('/')[0] ?? ''));
  if (families.includes(undefined)) return undefined;
  return families.includes(4) && families.includes(6);
}

/** Warns of addresses in an old or unusual notation. */
export function ipWarnings(path: string, value: string): string[] {
  const parsed = parseSloppy(value);
  if (parsed === undefined) return [];
  const canonical = formatIp(parsed.ip);
  if (parsed.hasLeadingZeros || parsed.isMapped)
    return [`${path}: non-standard IP address "${value}" is invalid: use "${canonical}"`];
  if (parsed.ip.family === 6 && canonical !== value)
    return [`${path}: IPv6 address "${value}" should be in RFC 5952 canonical format ("${canonical}")`];
  return [];
}

export function cidrWarnings(path: string, value: string): string[] {
  const parsed = parseSloppyCidr(value);
  if (parsed === undefined) return [];
  const canonical = formatCidr(parsed.cidr);
  const warnings: string[] = [];
  if (parsed.hasHostBits) {
    const single = `${formatIp(parsed.ip)}/${widthOf(parsed.ip)}`;
    warnings.push(
      `${path}: CIDR value "${value}" is ambiguous in this context (should be "${canonical}" or "${single}"?)`,
    );
  }
  if (parsed.hasLeadingZeros || parsed.isMapped)
    warnings.push(`${path}: non-standard CIDR value "${value}" is invalid: use "${canonical}"`);
  if (warnings.length === 0 && parsed.ip.family === 6 && canonical !== value)
    warnings.push(`${path}: IPv6 CIDR value "${value}" should be in RFC 5952 canonical format ("${canonical}")`);
  return warnings;
}

/** An address at which something can be reached. Source: core/validation (ValidateEndpointIP). */
export function checkEndpointIp(path: string, value: string, faults: FieldFaults): void {
  const ip = parseSloppy(value)?.ip;
  if (ip === undefined) {
    faults.invalid(path, value, 'must be a valid IP address');
    return;
  }
  const is = (family: 4 | 6, prefix: bigint, shift: bigint): boolean =>
    ip.family === family && ip.value >> shift === prefix;
  if (ip.value === 0n) faults.invalid(path, value, `may not be unspecified (${value})`);
  if (is(4, 127n, 24n) || (ip.family === 6 && ip.value === 1n))
    faults.invalid(path, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (is(4, 0xa9fen, 16n) || is(6, 0x3fan, 118n))
    faults.invalid(path, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (is(4, 0xe00000n, 8n) || is(6, 0xff02n, 112n))
    faults.invalid(path, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
}

/** Warns of addresses of a load balancer in an old or unusual notation. */
export function balancerWarnings(
  balancer: { readonly ingress?: readonly { readonly ip?: string | undefined }[] | undefined } | undefined,
): string[] {
  return (balancer?.ingress ?? []).flatMap(({ ip }, index) =>
    ip ? ipWarnings(`status.loadBalancer.ingress[${index}]`, ip) : [],
  );
}
