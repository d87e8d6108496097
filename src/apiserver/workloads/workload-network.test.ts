import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { readerOf } from '../../testing/admission.ts';
import { FakePortForward } from '../../testing/agent-double/fake-port-forward.ts';
import { isGlobalUnicast } from './addresses.ts';
import { WorkloadNetwork } from './workload-network.ts';

const podAt = (name: string, podIP: string, spec: object = {}): object => ({
  metadata: { name, namespace: 'ns' },
  spec: { nodeName: 'n1', ...spec },
  status: { podIP, podIPs: [{ ip: podIP }] },
});
const objects = {
  nodes: [{ metadata: { name: 'n1' }, status: { addresses: [{ type: 'InternalIP', address: '192.0.2.7' }] } }],
  pods: [
    podAt('plain', '10.42.0.9'),
    podAt('unbound', '10.42.0.10', { nodeName: '' }),
    podAt('on-host', '192.0.2.7', { hostNetwork: true }),
    podAt('liar', '192.0.2.8', { hostNetwork: true }),
    podAt('poser', '192.0.2.7'),
    podAt('metadata', '169.254.169.254', { hostNetwork: true }),
    podAt('mapped', '::ffff:127.0.0.1'),
  ],
  services: [
    {
      metadata: { name: 's', namespace: 'ns' },
      spec: { type: 'ClusterIP', clusterIP: '10.43.0.5', ports: [{ port: 443 }] },
    },
    { metadata: { name: 'named', namespace: 'ns' }, spec: { type: 'ExternalName', externalName: 'example.com' } },
  ],
  endpointslices: [
    {
      metadata: { name: 's-1', namespace: 'ns', labels: { 'kubernetes.io/service-name': 's' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.42.0.9'], targetRef: { kind: 'Pod', name: 'plain' } }],
      ports: [{ name: '', port: 8443 }],
    },
  ],
};

describe('the network of workloads', () => {
  const refuse = () => Promise.reject(new Error('only the kubelet is reached'));
  const network = new WorkloadNetwork({
    reader: readerOf(objects),
    dialer: { dial: refuse },
    kubelets: { locate: refuse, connect: refuse },
    clusterCidrs: ['10.42.0.0/16'],
    clusterDomain: 'cluster.local',
  });
  const plain = { namespace: 'ns', pod: 'plain', node: 'n1', host: '10.42.0.9' };

  it('leads services, their names and addresses, and pods to pods', async () => {
    assert.deepEqual(await network.ofService({ namespace: 'ns', name: 's', port: 443 }), { ...plain, port: 8443 });
    for (const host of ['s.ns.svc', 's.ns.svc.cluster.local', '10.43.0.5']) {
      assert.deepEqual(await network.ofUrl(host, 443), { ...plain, port: 8443 }, host);
    }
    assert.deepEqual(await network.ofUrl('10.42.0.9', 9000), { ...plain, port: 9000 });
    const onHost = { namespace: 'ns', pod: 'on-host', node: 'n1', host: '192.0.2.7', port: 9000 };
    assert.deepEqual(await network.ofUrl('192.0.2.7', 9000), onHost);
  });

  const refused = [
    ...['10.42.0.10', '10.42.7.7', '192.0.2.8', '169.254.169.254', '::ffff:127.0.0.1', '127.0.0.1', '0.0.0.0', '::1'],
    ...['localhost', 'example.com', 's.ns', 's.ns.svc.example.com', 'kubernetes.default.svc.cluster.local.', ''],
  ];
  for (const host of refused) {
    it(`refuses ${JSON.stringify(host)}`, async () => {
      await assert.rejects(network.ofUrl(host, 443), /is neither a service nor a pod of this cluster/);
    });
  }

  it('refuses services that lead elsewhere by their nature', async () => {
    const named = network.ofService({ namespace: 'ns', name: 'named', port: 443 });
    await assert.rejects(named, /^RefusedAddressError: unsupported service type "ExternalName"$/);
  });

  const addresses: Record<string, boolean> = {
    '10.42.0.9': true,
    '2001:db8::1': true,
    '127.8.8.8': false,
    '169.254.0.1': false,
    '224.0.0.1': false,
    '0.1.2.3': false,
    '::': false,
    '::1': false,
    'fe80::1': false,
    'fe80::1%eth0': false,
    'ff02::1': false,
    '::ffff:169.254.169.254': false,
    '0x7f.1': false,
  };
  for (const [address, isGlobal] of Object.entries(addresses)) {
    it(`takes ${address} as an address of ${isGlobal ? 'somebody' : 'nobody else'}`, () =>
      assert.equal(isGlobalUnicast(address), isGlobal));
  }

  describe('behind an agent that lets nobody but its kubelet be reached', () => {
    const echo = createTcpServer((socket) => socket.pipe(socket));
    const kubelet = createServer();
    const asked: string[] = [];
    before(async () => {
      kubelet.on('upgrade', (request, socket, head) => {
        asked.push(`${request.method} ${request.url}`);
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n',
        );
        new FakePortForward(socket, head, (echo.address() as AddressInfo).port);
      });
      for (const server of [echo, kubelet]) {
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
      }
    });
    after(() => {
      echo.close();
      kubelet.closeAllConnections();
      kubelet.close();
    });

    it('reaches pods by the port-forward of the kubelet', async () => {
      const forwarding = new WorkloadNetwork({
        reader: readerOf(objects),
        dialer: { dial: refuse },
        kubelets: {
          locate: async () => ({ node: 'n1', host: '192.0.2.7', port: 10_250, features: [] }),
          connect: async () => connect((kubelet.address() as AddressInfo).port, '127.0.0.1'),
        },
        clusterCidrs: ['10.42.0.0/16'],
        clusterDomain: 'cluster.local',
      });
      const stream = await forwarding.connect({ ...plain, port: 8443 }, new AbortController().signal);
      const sent = Buffer.alloc(300_000, 'x');
      stream.end(sent);
      let bytes = 0;
      for await (const chunk of stream) bytes += (chunk as Buffer).length;
      assert.equal(bytes, sent.length);
      assert.deepEqual(asked, ['POST /portForward/ns/plain']);
    });

    it('says why, where neither way leads to the pod', async () => {
      await assert.rejects(network.connect({ ...plain, port: 8443 }, new AbortController().signal), /only the kubelet/);
    });
  });
});
