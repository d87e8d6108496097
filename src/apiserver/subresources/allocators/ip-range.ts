import { randomInt } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';

export type IpFamily = 'IPv4' | 'IPv6';

/** The addresses of a CIDR that services may have. */
export interface IpRange {
  readonly cidr: string;
  readonly family: IpFamily;
  /** First and last usable address, as numbers. */
  readonly first: bigint;
  readonly last: bigint;
  /** Where the part begins that addresses are drawn from first; what lies below is for those who ask by number. */
  readonly drawnFrom: bigint;
}

export function familyOf(ip: string): IpFamily | undefined {
  if (isIPv4(ip)) return 'IPv4';
  return isIPv6(ip) ? 'IPv6' : undefined;
}

/** @throws Error where the text is no CIDR. Source: `pkg/registry/core/service/ipallocator` (NewIPAllocator). */
export function parseIpRange(cidr: string): IpRange {
  const [address = '', bits = ''] = cidr.split('/');
  const family = familyOf(address);
  if (family === undefined || !/^\d+$/.test(bits)) throw new Error(`${cidr} is not a CIDR`);
  const width = family === 'IPv4' ? 32 : 128;
  const hostBits = BigInt(width - Number(bits));
  if (hostBits < 0n) throw new Error(`${cidr} is not a CIDR`);
  const base = (toNumber(address) >> hostBits) << hostBits;
  const size = 1n << hostBits;
  const last = base + size - 1n - (family === 'IPv4' ? 1n : 0n);
  return { cidr, family, first: base + 1n, last, drawnFrom: base + 1n + reservedBelow(size) };
}

/** `min(max(16, size / 16), 256)`, and nothing for tiny ranges. */
function reservedBelow(size: bigint): bigint {
  if (size < 16n) return 0n;
  const sixteenth = size / 16n;
  if (sixteenth > 256n) return 256n;
  return sixteenth < 16n ? 16n : sixteenth;
}

export function isInRange(range: IpRange, ip: string): boolean {
  if (familyOf(ip) !== range.family) return false;
  const number = toNumber(ip);
  return number >= range.first && number <= range.last;
}

/** The first address, which `default/kubernetes` has. */
export function firstAddress(range: IpRange): string {
  return toText(range.first, range.family);
}

/** Every address in the order in which they are tried: from a random one on, the lower part last. */
export function* candidates(range: IpRange): Generator<string> {
  yield* around(range.drawnFrom, range.last, range.family);
  yield* around(range.first, range.drawnFrom - 1n, range.family);
}

function* around(from: bigint, to: bigint, family: IpFamily): Generator<string> {
  const count = to - from + 1n;
  if (count <= 0n) return;
  const spread = count > 0x7fffffffn ? 0x7fffffff : Number(count);
  const start = BigInt(randomInt(spread));
  for (let step = 0n; step < count; step++) yield toText(from + ((start + step) % count), family);
}

function toNumber(ip: string): bigint {
  if (isIPv4(ip)) return ip.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  return groupsOf(ip).reduce((sum, group) => sum * 65536n + BigInt(group), 0n);
}

function groupsOf(ip: string): readonly number[] {
  const [head = '', tail] = ip.split('::');
  const left = readGroups(head);
  if (tail === undefined) return left;
  const right = readGroups(tail);
  return [...left, ...new Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}

function readGroups(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function toText(number: bigint, family: IpFamily): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => Number((number >> BigInt(112 - index * 16)) & 0xffffn));
  return shorten(groups);
}

/** RFC 5952: the longest run of zeros becomes `::`. */
function shorten(groups: readonly number[]): string {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (start + length < groups.length && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}
