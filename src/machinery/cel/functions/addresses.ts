import { isIPv4, isIPv6 } from 'node:net';
import { contains, formatIp, type IpAddress, parseIp, widthOf } from '../../../std/cidr.ts';
import { quoteGo } from '../../errors/field-error.ts';
import { BOOL, INT, opaque, STRING } from '../cel-type.ts';
import { CelError } from '../values.ts';
import { type FunctionDecl, member, noSuchOverload, overload } from './function.ts';
import { LibraryValue } from './opaque-values.ts';

export const IP = opaque('net.IP');
export const CIDR = opaque('net.CIDR');

/** A range as it was written: bits behind the prefix stay. */
interface Range {
  readonly address: IpAddress;
  readonly bits: number;
}

type IpValue = LibraryValue<IpAddress>;
type CidrValue = LibraryValue<Range>;

const sameAddress = (a: IpAddress, b: IpAddress): boolean => a.family === b.family && a.value === b.value;

function wrapIp(address: IpAddress): IpValue {
  return new LibraryValue('net.IP', address, sameAddress);
}

function wrapCidr(range: Range): CidrValue {
  return new LibraryValue('net.CIDR', range, (a, b) => a.bits === b.bits && sameAddress(a.address, b.address));
}

const isMapped = ({ family, value }: IpAddress): boolean => family === 6 && value >> 32n === 0xffffn;

/** What Go's `netip.ParseAddr` says of a text that is no address. */
function obstacleOf(text: string): string {
  const head = `ParseAddr(${quoteGo(text)}): `;
  if (text.includes(':')) {
    if (/[^0-9a-fA-F:.%]/.test(text)) {
      const at = text.search(/[^0-9a-fA-F:.%]/);
      return `${head}each colon-separated field must have at least one digit (at ${quoteGo(text.slice(at))})`;
    }
    return `${head}address string too short`;
  }
  if (text.includes('.')) {
    if (/[^0-9.]/.test(text)) return `${head}unexpected character (at ${quoteGo(text.slice(text.search(/[^0-9.]/)))})`;
    const fields = text.split('.');
    if (fields.length < 4) return `${head}IPv4 address too short`;
    if (fields.length > 4) return `${head}IPv4 address too long`;
    if (fields.some((field) => /^0\d/.test(field))) return `${head}IPv4 field has octet with leading zero`;
    if (fields.some((field) => Number(field) > 255)) return `${head}IPv4 field has value >255`;
  }
  return `${head}unable to parse IP`;
}

function readIp(text: string): IpAddress {
  if (isIPv6(text) && text.includes('%'))
    throw new CelError(`IP address ${quoteGo(text)} with zone value is not allowed`);
  if (!isIPv4(text) && !isIPv6(text)) {
    throw new CelError(`IP Address ${quoteGo(text)} parse error during conversion from string: ${obstacleOf(text)}`);
  }
  const address = parseIp(text);
  if (isMapped(address)) throw new CelError(`IPv4-mapped IPv6 address ${quoteGo(text)} is not allowed`);
  return address;
}

/** What cannot be read is no address to upstream when it is asked whether a range holds it. */
function readIpOf(text: string): IpAddress {
  try {
    return readIp(text);
  } catch {
    throw noSuchOverload();
  }
}

const CIDR_FAULT = 'network address parse error during conversion from string: ';

/** The same with the fault told twice, as upstream does outside of checks. */
function readCidrText(text: string): Range {
  try {
    return readCidr(text);
  } catch (error) {
    throw new CelError(CIDR_FAULT + (error as Error).message, { cause: error });
  }
}

function readCidr(text: string): Range {
  const head = CIDR_FAULT;
  const slash = text.lastIndexOf('/');
  const fail = (why: string): CelError => new CelError(`${head}netip.ParsePrefix(${quoteGo(text)}): ${why}`);
  if (slash < 0) throw fail("no '/'");
  const [address, bits] = [text.slice(0, slash), text.slice(slash + 1)];
  if (!isIPv4(address) && !isIPv6(address)) throw fail(obstacleOf(address));
  if (address.includes('%')) throw fail('IPv6 zones cannot be present in a prefix');
  if (!/^(0|[1-9]\d*)$/.test(bits)) throw fail(`bad bits after slash: ${quoteGo(bits)}`);
  const ip = parseIp(address);
  if (Number(bits) > widthOf(ip)) throw fail(`prefix length out of range`);
  if (isMapped(ip)) throw new CelError(`IPv4-mapped IPv6 address ${quoteGo(text)} is not allowed`);
  return { address: ip, bits: Number(bits) };
}

function masked({ address, bits }: Range): Range {
  const host = BigInt(widthOf(address) - bits);
  return { address: { family: address.family, value: (address.value >> host) << host }, bits };
}

function holds(range: Range, address: IpAddress): boolean {
  return contains({ ...masked(range).address, prefixBits: range.bits }, address);
}

function holdsRange(outer: Range, inner: Range): boolean {
  return outer.bits <= inner.bits && holds(outer, masked(inner).address);
}

function succeeds(read: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      read(text);
      return true;
    } catch {
      return false;
    }
  };
}

/** Tests of an address by its leading bits, for both families. */
function test(name: string, id: string, v4: (value: number) => boolean, v6: (value: bigint) => boolean): FunctionDecl {
  const call = ({ value: { family, value } }: IpValue): boolean => (family === 4 ? v4(Number(value)) : v6(value));
  return { name, overloads: [member(`ip_${id}`, [IP], BOOL, call)] };
}

const isGlobal4 = (ip: number): boolean =>
  ip !== 0 && ip !== 0xffffffff && ip >>> 24 !== 127 && ip >>> 28 !== 0xe && ip >>> 16 !== 0xa9fe;
const isGlobal6 = (ip: bigint): boolean => ip !== 0n && ip !== 1n && ip >> 120n !== 0xffn && ip >> 118n !== 0x3fan;

/** Source: apiserver `pkg/cel/library/{ip,cidr}.go`. */
export const addressFunctions: readonly FunctionDecl[] = [
  {
    name: 'ip',
    overloads: [
      overload('string_to_ip', [STRING], IP, (text: string) => wrapIp(readIp(text))),
      member('cidr_ip', [CIDR], IP, ({ value }: CidrValue) => wrapIp(value.address)),
    ],
  },
  { name: 'isIP', overloads: [overload('is_ip', [STRING], BOOL, succeeds(readIp))] },
  {
    name: 'ip.isCanonical',
    overloads: [overload('ip_is_canonical', [STRING], BOOL, (text: string) => formatIp(readIp(text)) === text)],
  },
  { name: 'family', overloads: [member('ip_family', [IP], INT, ({ value }: IpValue) => BigInt(value.family))] },
  test(
    'isUnspecified',
    'is_unspecified',
    (ip) => ip === 0,
    (ip) => ip === 0n,
  ),
  test(
    'isLoopback',
    'is_loopback',
    (ip) => ip >>> 24 === 127,
    (ip) => ip === 1n,
  ),
  test(
    'isLinkLocalMulticast',
    'is_link_local_multicast',
    (ip) => ip >>> 8 === 0xe00000,
    (ip) => ((ip >> 112n) & 0xff0fn) === 0xff02n,
  ),
  test(
    'isLinkLocalUnicast',
    'is_link_local_unicast',
    (ip) => ip >>> 16 === 0xa9fe,
    (ip) => ip >> 118n === 0x3fan,
  ),
  test('isGlobalUnicast', 'is_global_unicast', isGlobal4, isGlobal6),
  {
    name: 'string',
    overloads: [
      overload('ip_to_string', [IP], STRING, ({ value }: IpValue) => formatIp(value)),
      overload('cidr_to_string', [CIDR], STRING, ({ value }: CidrValue) => `${formatIp(value.address)}/${value.bits}`),
    ],
  },
  {
    name: 'cidr',
    overloads: [overload('string_to_cidr', [STRING], CIDR, (text: string) => wrapCidr(readCidrText(text)))],
  },
  { name: 'isCIDR', overloads: [overload('is_cidr', [STRING], BOOL, succeeds(readCidr))] },
  {
    name: 'containsIP',
    overloads: [
      member('cidr_contains_ip_string', [CIDR, STRING], BOOL, ({ value }: CidrValue, ip: string) =>
        holds(value, readIpOf(ip)),
      ),
      member('cidr_contains_ip_ip', [CIDR, IP], BOOL, ({ value }: CidrValue, ip: IpValue) => holds(value, ip.value)),
    ],
  },
  {
    name: 'containsCIDR',
    overloads: [
      member('cidr_contains_cidr_string', [CIDR, STRING], BOOL, ({ value }: CidrValue, inner: string) =>
        holdsRange(value, readCidrText(inner)),
      ),
      member('cidr_contains_cidr', [CIDR, CIDR], BOOL, ({ value }: CidrValue, inner: CidrValue) =>
        holdsRange(value, inner.value),
      ),
    ],
  },
  {
    name: 'prefixLength',
    overloads: [member('cidr_prefix_length', [CIDR], INT, ({ value }: CidrValue) => BigInt(value.bits))],
  },
  {
    name: 'masked',
    overloads: [member('cidr_masked', [CIDR], CIDR, ({ value }: CidrValue) => wrapCidr(masked(value)))],
  },
];
