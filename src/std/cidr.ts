import { isIP } from 'node:net';

/** An IP address as a number with its family, so that ranges can be counted. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** A range of addresses: the first one and the length of its prefix in bits. */
export interface Cidr extends IpAddress {
  readonly prefixBits: number;
}

/** Reads an IPv4 or IPv6 address; IPv4 in IPv6 notation (`::ffff:1.2.3.4`) stays IPv6. @throws Error */
export function parseIp(text: string): IpAddress {
  switch (isIP(text)) {
    case 4:
      return { family: 4, value: parseIpv4(text) };
    case 6:
      return { family: 6, value: parseIpv6(text) };
    default:
      throw new Error(`invalid IP address: ${text}`);
  }
}

/** Reads `address/bits`; host bits are cleared. @throws Error */
export function parseCidr(text: string): Cidr {
  const [address, bitsText, ...rest] = text.split('/');
  if (address === undefined || bitsText === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bitsText)) {
    throw new Error(`invalid CIDR address: ${text}`);
  }
  const ip = parseIp(address);
  const prefixBits = Number(bitsText);
  if (prefixBits > widthOf(ip)) throw new Error(`invalid CIDR address: ${text}`);
  const hostBits = BigInt(widthOf(ip) - prefixBits);
  return { family: ip.family, value: (ip.value >> hostBits) << hostBits, prefixBits };
}

/** The canonical text of an address. */
export function formatIp(ip: IpAddress): string {
  return ip.family === 4 ? formatIpv4(ip.value) : formatIpv6(ip.value);
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr)}/${cidr.prefixBits}`;
}

/** Bits of an address: 32 or 128. */
export function widthOf(ip: { readonly family: 4 | 6 }): number {
  return ip.family === 4 ? 32 : 128;
}

/** Addresses in the range. */
export function sizeOf(cidr: Cidr): bigint {
  return 1n << BigInt(widthOf(cidr) - cidr.prefixBits);
}

export function contains(cidr: Cidr, ip: IpAddress): boolean {
  return cidr.family === ip.family && ip.value >= cidr.value && ip.value < cidr.value + sizeOf(cidr);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b) || contains(b, a);
}

/** How many ranges of `prefixBits` fit into `cidr`; 0 where they are larger than it. */
export function subnetCount(cidr: Cidr, prefixBits: number): bigint {
  return prefixBits < cidr.prefixBits ? 0n : 1n << BigInt(prefixBits - cidr.prefixBits);
}

/** The range number `index` of size `prefixBits` in `cidr`, counted from 0. */
export function subnetAt(cidr: Cidr, prefixBits: number, index: bigint): Cidr {
  const step = 1n << BigInt(widthOf(cidr) - prefixBits);
  return { family: cidr.family, value: cidr.value + step * index, prefixBits };
}

/** The address `offset` places after the first one. */
export function addressAt(cidr: Cidr, offset: bigint): IpAddress {
  return { family: cidr.family, value: cidr.value + offset };
}

function parseIpv4(text: string): bigint {
  return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint {
  const plain = (text.split('%')[0] ?? '').replace(/(\d+\.\d+\.\d+\.\d+)$/, (v4) => {
    const value = parseIpv4(v4);
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce((sum, part) => (sum << 16n) | BigInt(`0x${part}`), 0n);
}

function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => ((value >> shift) & 255n).toString()).join('.');
}

/** Source: RFC 5952: the longest run of two or more zero groups is shortened, the first one where two are equal. */
function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (start < 0) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}
