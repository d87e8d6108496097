/** What somebody inside of a tenant can make the server dial: their own nodes' tunnels, and nothing else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../client/http-transport.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import {
  apiservices,
  configmaps,
  customresourcedefinitions,
  endpoints,
  endpointslices,
  nodes,
  pods,
  services,
  validatingwebhookconfigurations,
} from '../generated/resource-types.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { AgentDouble } from '../testing/agent-double/agent.ts';
import { freePort } from '../testing/free-port.ts';
import { until } from '../testing/memory-server.ts';
import { OutwardCalls } from '../testing/outward-calls.ts';
import { readTenantConfig } from './config.ts';
import { startTenant, type Tenant } from './tenant.ts';

/** Where the server must never go, with `DECOY` for a port of this machine on which somebody counts visitors. */
const FORBIDDEN = [
  '169.254.169.254',
  '127.0.0.1',
  '127.9.9.9',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  '0.0.0.0',
  '10.96.0.1',
  '10.43.0.1',
  '192.0.2.7',
  '203.0.113.9',
  'fe80::1',
];

/** The same for what takes URLs: odd spellings of addresses, and names that lead there for whoever resolves them. */
const PLACES = [
  '169.254.169.254',
  '127.0.0.1',
  '127.0.0.2',
  '::1',
  '::ffff:127.0.0.1',
  '0.0.0.0',
  '10.96.0.1',
  '10.43.0.1',
  '203.0.113.9',
  '2130706433',
  '0177.0.0.1',
  '0x7f.1',
  '127.1',
  'localhost',
  'localhost.localdomain',
  'metadata.google.internal',
  'kubernetes.default.svc',
  '127.0.0.1.nip.io',
];

describe('from inside of a tenant', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-red-team-'));
  const visits = { decoy: 0 };
  const decoy = createServer((_request, response) => {
    visits.decoy += 1;
    response.end('the host');
  });
  /** Every address that anything in this process connects to. */
  const outward = new OutwardCalls();
  const { connected, looked } = outward;
  /** Every name that anything in this process resolves. */
  let decoyPort = 0;
  let tenant: Tenant;
  let access: ReturnType<typeof readKubeconfig>;
  let transport: HttpTransport;
  let client: Client;
  let agent: AgentDouble;

  before(async () => {
    decoy.listen(0, '127.0.0.1');
    await once(decoy, 'listening');
    decoyPort = (decoy.address() as AddressInfo).port;
    const port = await freePort();
    const flags = ['--data-dir', folder, '--https-listen-port', String(port), '--advertise-address', '127.0.0.1'];
    const config = readTenantConfig(
      [...flags, '--bind-address', '127.0.0.1', '--disable', 'coredns,servicelb,cloud-controller'],
      {},
    );
    tenant = await startTenant(config, { clock: systemClock, logger: silentLogger });
    access = readKubeconfig(tenant.kubeconfigPath);
    transport = createHttpTransport(access);
    client = new Client(transport);
    agent = await AgentDouble.join({
      url: tenant.url,
      token: tenant.token,
      nodeName: 'n1',
      nodeIp: '192.0.2.7',
      generation: 'current',
      // Without heartbeats, which would tell the truth about the node again.
      clock: { ...systemClock, every: () => ({ cancel() {} }) },
    });
    outward.watch();
    await client.create(pods, podOf('web'));
    await until(
      'the pod has an address',
      async () => (await client.get(pods, { namespace: 'default', name: 'web' })).status?.podIP !== undefined,
    );
  });

  after(async () => {
    outward.stop();
    await agent?.[Symbol.asyncDispose]();
    transport?.close();
    await tenant?.close();
    decoy.close();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(() => {
    outward.clear();
    visits.decoy = 0;
  });

  const podOf = (name: string, nodeName = 'n1') => ({
    metadata: { namespace: 'default', name },
    spec: { nodeName, containers: [{ name: 'c', image: 'busybox' }] },
  });

  /** Asks as the administrator of the tenant, who may write everything. */
  async function ask(path: string): Promise<{ status: number; text: string }> {
    const { ca, clientCert: cert, clientKey: key } = access;
    const sent = httpsRequest(new URL(path, tenant.url), { ca, cert, key, agent: false });
    sent.on('error', () => {}).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, text: await textOf(response) };
  }

  /** Refused with an error that says why, and nobody was dialled who is not behind the node's own tunnel. */
  function assertRefused({ status, text }: { status: number; text: string }, why: RegExp): void {
    assert.ok(status >= 400, `${status} ${text}`);
    assert.match(text, why);
    assertUntouched();
  }

  function assertUntouched(): void {
    assert.equal(visits.decoy, 0);
    const own = [new URL(tenant.url).port, agent.kubelet.port, agent.podPort].map(String);
    const strange = connected.filter((each) => !own.includes(each.slice(each.lastIndexOf(':') + 1)));
    assert.deepEqual(strange, []);
    assert.deepEqual(looked, []);
    for (const target of agent.tunnel.targets) assert.match(target, /^tcp\/(127\.0\.0\.1:10250|10\.42\.0\.\d+:\d+)$/);
  }

  it('pods of a node are reached, through its tunnel', async () => {
    const { status, text } = await ask('/api/v1/namespaces/default/pods/web:80/proxy/x');
    assert.deepEqual([status, text], [200, text]);
    assert.ok(connected.includes(`127.0.0.1:${agent.podPort}`), 'connections are seen by this test');
    assert.match(text, /^hello from /);
    assert.match(agent.tunnel.targets.at(-1) ?? '', /^tcp\/10\.42\.0\.\d+:80$/);
    assertUntouched();
  });

  for (const address of FORBIDDEN) {
    it(`a pod whose status says ${address} is not reached`, async () => {
      await setAddress('web', address);
      for (const port of [80, decoyPort, 10_250]) {
        assertRefused(
          await ask(`/api/v1/namespaces/default/pods/web:${port}/proxy/x`),
          /address not allowed|cannot be reached|is invalid/,
        );
      }
    });

    it(`endpoints at ${address} are not reached, nor by way of a pod that says so`, async () => {
      await setAddress('web', address);
      const subsets = [
        {
          addresses: [{ ip: address }, { ip: address, targetRef: { kind: 'Pod', namespace: 'default', name: 'web' } }],
          ports: [{ port: decoyPort }],
        },
      ];
      await remove();
      await client.create(services, {
        metadata: { namespace: 'default', name: 'trap' },
        spec: { ports: [{ port: 80 }] },
      });
      await client
        .create(endpoints, { metadata: { namespace: 'default', name: 'trap' }, subsets })
        .catch((error: Error) => assert.match(error.message, / is invalid: /));
      assertRefused(
        await ask('/api/v1/namespaces/default/services/trap:80/proxy/x'),
        /no endpoints available|address not allowed|cannot be reached|not found/,
      );
    });

    it(`a slice at ${address} is not reached`, async () => {
      await remove();
      await client.create(services, {
        metadata: { namespace: 'default', name: 'trap' },
        spec: { ports: [{ port: 80 }] },
      });
      await client
        .create(endpointslices, {
          metadata: { namespace: 'default', name: 'trap', labels: { 'kubernetes.io/service-name': 'trap' } },
          addressType: address.includes(':') ? 'IPv6' : 'IPv4',
          endpoints: [{ addresses: [address] }],
          ports: [{ port: decoyPort }],
        })
        .catch((error: Error) => assert.match(error.message, / is invalid: /));
      assertRefused(
        await ask('/api/v1/namespaces/default/services/trap:80/proxy/x'),
        /no endpoints available|not found/,
      );
    });

    it(`a node that says that it is at ${address} is reached at home, and at no other port`, async () => {
      const status = { addresses: [{ type: 'InternalIP', address }] };
      await client.patch(nodes, { name: 'n1' }, { status }, { type: 'merge', subresource: 'status' });
      assert.deepEqual(await ask('/api/v1/nodes/n1/proxy/healthz'), { status: 200, text: 'ok' });
      assertUntouched();
      if (address === '192.0.2.7' || !/^(127|169|0\.|fe80|::)/.test(address)) return;
      assertRefused(await ask(`/api/v1/nodes/n1:${decoyPort}/proxy/x`), /address not allowed|cannot be reached/);
    });
  }

  /** What calls out on its own: each where it shall not go, by URL and by a service that leads there. */
  for (const address of PLACES) {
    const host = address.includes(':') ? `[${address}]` : address;
    const why =
      /neither a service nor a pod|is no pod of this cluster|no endpoints available|cannot be reached|no service port|is invalid|not found/;

    it(`an admission webhook at ${address} is not asked`, async () => {
      const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
      const configuration = {
        metadata: { name: 'trap' },
        webhooks: [
          {
            name: 'trap.example.com',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            rules,
            clientConfig: { url: `https://${host}:${decoyPort}/` },
          },
        ],
      };
      await client.create(validatingwebhookconfigurations, configuration);
      await assert.rejects(client.create(configmaps, { metadata: { namespace: 'default', name: 'bait' } }), why);
      await client.delete(validatingwebhookconfigurations, { name: 'trap' });
      assertUntouched();
    });

    it(`a conversion webhook at ${address} is not asked`, async () => {
      const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
      await client.create(customresourcedefinitions, {
        metadata: { name: 'traps.example.com' },
        spec: {
          group: 'example.com',
          scope: 'Cluster',
          names: { plural: 'traps', singular: 'trap', kind: 'Trap' },
          conversion: {
            strategy: 'Webhook',
            webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: `https://${host}:${decoyPort}/` } },
          },
          versions: [
            { name: 'v1', served: true, storage: true, schema },
            { name: 'v2', served: true, storage: false, schema },
          ],
        },
      } as never);
      const traps = { group: 'example.com', version: 'v1', kind: 'Trap', plural: 'traps', namespaced: false } as const;
      await until('the kind is served', async () => (await ask('/apis/example.com/v2/traps')).status === 200);
      await client.create(traps as never, { metadata: { name: 'bait' } } as never);
      assertRefused(await ask('/apis/example.com/v2/traps'), why);
      await client.delete(traps as never, { name: 'bait' });
      await client.delete(customresourcedefinitions, { name: 'traps.example.com' });
      await until('the kind has gone', async () => (await ask('/apis/example.com/v2/traps')).status === 404);
    });

    it(`a server of an APIService at ${address} is not asked`, async () => {
      await remove();
      await client.create(services, {
        metadata: { namespace: 'default', name: 'trap' },
        spec: { ports: [{ port: 443 }] },
      });
      const subsets = [{ addresses: [{ ip: address }], ports: [{ port: decoyPort }] }];
      await client
        .create(endpoints, { metadata: { namespace: 'default', name: 'trap' }, subsets })
        .catch((error: Error) => assert.match(error.message, / is invalid: /));
      await client.create(apiservices, {
        metadata: { name: 'v1.trap.example.com' },
        spec: {
          group: 'trap.example.com',
          version: 'v1',
          groupPriorityMinimum: 1000,
          versionPriority: 10,
          insecureSkipTLSVerify: true,
          service: { namespace: 'default', name: 'trap' },
        },
      });
      assertRefused(await ask('/apis/trap.example.com/v1'), /unavailable|unable to handle|404 page not found/);
      await client.delete(apiservices, { name: 'v1.trap.example.com' });
    });
  }

  it('a service that is a name elsewhere is not followed', async () => {
    await remove();
    const spec = { type: 'ExternalName', externalName: 'localhost', ports: [{ port: decoyPort }] };
    await client.create(services, { metadata: { namespace: 'default', name: 'trap' }, spec });
    assertRefused(await ask(`/api/v1/namespaces/default/services/trap:${decoyPort}/proxy/x`), /not found|no endpoints/);
  });

  it('a node that never joined is not reached, wherever it says that it is', async () => {
    await client.create(nodes, { metadata: { name: 'ghost' }, spec: {} });
    const status = {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: decoyPort } },
    };
    await client.patch(nodes, { name: 'ghost' }, { status }, { type: 'merge', subresource: 'status' });
    await client.create(pods, podOf('haunted', 'ghost'));
    for (const path of ['/api/v1/nodes/ghost/proxy/healthz', '/api/v1/namespaces/default/pods/haunted/log']) {
      assertRefused(await ask(path), /node ghost has no tunnel to this server/);
    }
  });

  it('names of machines are no names of nodes', async () => {
    for (const name of ['localhost', '127.0.0.1', '169.254.169.254', 'metadata.google.internal', 'https:127.0.0.1:443'])
      assertRefused(await ask(`/api/v1/nodes/${name}/proxy/x`), /not found/);
  });

  it('a node that says its kubelet listens elsewhere loses its tunnel, and reaches nothing', async () => {
    const status = { daemonEndpoints: { kubeletEndpoint: { Port: decoyPort } } };
    await client.patch(nodes, { name: 'n1' }, { status }, { type: 'merge', subresource: 'status' });
    await until('the node answers no more', async () => {
      const { status: code } = await ask('/api/v1/nodes/n1/proxy/healthz');
      return code !== 200;
    });
    assert.equal(visits.decoy, 0);
  });

  async function setAddress(name: string, address: string): Promise<void> {
    const status = { podIP: address, podIPs: [{ ip: address }] };
    // What the API refuses to store is as good as refused later.
    await client
      .patch(pods, { namespace: 'default', name }, { status }, { type: 'merge', subresource: 'status' })
      .catch((error: Error) => assert.match(error.message, /invalid/i));
  }

  async function remove(): Promise<void> {
    for (const type of [services, endpoints, endpointslices] as const) {
      await client.delete(type as typeof services, { namespace: 'default', name: 'trap' }).catch(() => {});
    }
  }
});
