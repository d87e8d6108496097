import { BlockList, isIP } from 'node:net';

/** Addresses that mean the machine of whoever dials them, its link, or nobody in particular. */
const local = blockList([
  ['0.0.0.0', 8, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['255.255.255.255', 32, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
]);

/** Neither loopback, link-local, multicast nor nothing; addresses of IPv4 in the clothes of IPv6 count as what they are. */
export function isGlobalUnicast(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !address.includes('%') && !local.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Whether an address lies in one of the networks, written as CIDRs; networks that cannot be read hold nothing. */
export function networksOf(cidrs: readonly string[]): { has(address: string): boolean } {
  const list = blockList(
    cidrs.flatMap((cidr) => {
      const [network = '', bits = ''] = cidr.split('/');
      const family = isIP(network);
      return family === 0 || !/^\d+$/.test(bits)
        ? []
        : [[network, Number(bits), family === 4 ? 'ipv4' : 'ipv6'] as const];
    }),
  );
  return {
    has: (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6'),
  };
}

function blockList(subnets: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList {
  const list = new BlockList();
  for (const [network, bits, family] of subnets) list.addSubnet(network, bits, family);
  return list;
}
