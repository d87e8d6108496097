import { isIP } from 'node:net';

/**
 * One spelling for each IP address, by which addresses can be compared: IPv4 in the clothes of IPv6 (`::ffff:7f00:1`) is
 * IPv4.
 *
 * @returns undefined for what is no address, for octal, hexadecimal and shortened IPv4, and for addresses that name an
 *   interface.
 */
export function canonicalAddress(text: string): string | undefined {
  const family = isIP(text);
  if (family === 0 || text.includes('%')) return undefined;
  if (family === 4) return text;
  const address = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  const pairs = [high, low].map((digits) => Number.parseInt(digits, 16));
  return pairs.flatMap((pair) => [pair >> 8, pair & 0xff]).join('.');
}
