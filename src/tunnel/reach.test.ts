import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NodeReach, planDial, UnreachableError } from './reach.ts';

const plain: NodeReach = { addresses: ['10.200.0.2', 'n1'], servesCluster: false };
const serving: NodeReach = { ...plain, servesCluster: true, networks: ['10.42.0.0/16', 'fd00:42::/56'] };
const liar: NodeReach = {
  addresses: ['169.254.169.254', '127.0.0.1', '::ffff:127.0.0.1', 'metadata.google.internal'],
  kubeletPort: 80,
  servesCluster: true,
  networks: ['10.42.0.0/16'],
};

const allowed: Record<string, [NodeReach | undefined, host: string, port: number, target: string]> = {
  'the kubelet by name, before anything is known of the node': [undefined, 'n1', 10_250, 'tcp/127.0.0.1:10250'],
  'the kubelet by an address of its node': [plain, '10.200.0.2', 10_250, 'tcp/127.0.0.1:10250'],
  'the kubelet at a port of its own': [{ ...plain, kubeletPort: 9000 }, 'n1', 9000, 'tcp/127.0.0.1:9000'],
  "the container runtime's streams": [plain, 'n1', 10_010, 'tcp/127.0.0.1:10010'],
  'the kubelet of a node that claims an odd address, at home': [liar, '169.254.169.254', 80, 'tcp/127.0.0.1:80'],
  'the kubelet of a node that claims a name of somebody else, at home': [
    liar,
    'metadata.google.internal',
    80,
    'tcp/127.0.0.1:80',
  ],
  'a pod': [serving, '10.42.3.4', 8080, 'tcp/10.42.3.4:8080'],
  'a pod in IPv6': [serving, 'fd00:42::7', 8080, 'tcp/[fd00:42::7]:8080'],
  'a pod in another spelling': [serving, '::ffff:10.42.3.4', 80, 'tcp/10.42.3.4:80'],
  'a pod in hexadecimal IPv6': [serving, '::ffff:a2a:304', 80, 'tcp/10.42.3.4:80'],
  "a pod on the host's network": [serving, '10.200.0.2', 9100, 'tcp/10.200.0.2:9100'],
};

const refused: Record<string, [NodeReach | undefined, host: string, port: number, why: RegExp]> = {
  'a pod where nothing is known of the node': [undefined, '10.42.3.4', 80, /kubelet's port 10250 only/],
  'a pod behind an older agent': [plain, '10.42.3.4', 80, /kubelet's port 10250 only/],
  'the port of the kubelet at a pod behind an older agent': [plain, '10.42.3.4', 10_250, /kubelet's port 10250 only/],
  'another port of the node by name': [serving, 'n1', 22, /kubelet's port 10250 only/],
  'another node by name': [serving, 'n2', 10_250, /no address/],
  'another node by address': [serving, '10.200.0.3', 10_250, /neither the node's own nor/],
  'a host on the internet': [serving, '203.0.113.9', 443, /neither the node's own nor/],
  'a host by name': [serving, 'example.com', 443, /no address/],
  'a service': [serving, '10.43.0.1', 443, /neither the node's own nor/],
  'the metadata service': [serving, '169.254.169.254', 80, /link-local/],
  'the metadata service, where the node claims to be it': [liar, '169.254.169.254', 8080, /link-local/],
  'the metadata service in IPv6': [serving, '::ffff:169.254.169.254', 80, /link-local/],
  'the metadata service in hexadecimal': [serving, '::ffff:a9fe:a9fe', 80, /link-local/],
  'the metadata service as one number': [serving, '2852039166', 80, /no address/],
  loopback: [serving, '127.0.0.1', 80, /loopback/],
  'loopback, where the node claims to be it': [liar, '127.0.0.1', 6443, /loopback/],
  'other loopback addresses': [serving, '127.8.8.8', 10_250, /loopback/],
  'loopback in IPv6': [serving, '::1', 80, /loopback/],
  'loopback in IPv6, written out': [serving, '0:0:0:0:0:0:0:1', 80, /loopback/],
  'loopback of IPv4 in IPv6': [liar, '::ffff:127.0.0.1', 8080, /loopback/],
  'loopback in octal': [serving, '0177.0.0.1', 80, /no address/],
  'loopback, shortened': [serving, '127.1', 80, /no address/],
  nobody: [serving, '0.0.0.0', 80, /loopback/],
  'nobody in IPv6': [serving, '::', 80, /loopback/],
  broadcast: [serving, '255.255.255.255', 80, /multicast/],
  'an address with an interface': [serving, 'fe80::1%eth0', 80, /no address/],
  'a pod with an interface': [serving, 'fd00:42::7%lo', 80, /no address/],
  'the empty host': [serving, '', 80, /no address/],
  'a host with a port': [serving, '10.42.3.4:80', 80, /no address/],
  'a host that adds to the message': [serving, '10.42.3.4\n', 80, /no address/],
  'port 0': [serving, '10.42.3.4', 0, /no such port/],
  'a port beyond the last': [serving, '10.42.3.4', 65_536, /no such port/],
};

describe('planDial', () => {
  for (const [title, [reach, host, port, target]] of Object.entries(allowed)) {
    it(`lets through ${title}`, () => assert.equal(planDial('n1', reach, host, port), target));
  }
  for (const [title, [reach, host, port, why]] of Object.entries(refused)) {
    it(`refuses ${title}`, () =>
      assert.throws(
        () => planDial('n1', reach, host, port),
        (error) => error instanceof UnreachableError && why.test(error.message),
      ));
  }
});
