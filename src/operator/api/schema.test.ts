import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from '../../client/client.ts';
import { customresourcedefinitions } from '../../generated/resource-types.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { startMemoryServer, until } from '../../testing/memory-server.ts';
import { virtualClusterCrd } from './schema.ts';
import { type VirtualCluster, type VirtualClusterSpec, virtualClusters } from './virtual-cluster.ts';

describe('the schema of a VirtualCluster', () => {
  const stop = new AbortController();
  const state: { client?: Client } = {};
  const client = (): Client => state.client as Client;
  before(async () => {
    const server = await startMemoryServer(silentLogger, stop.signal);
    state.client = new Client(server.transportFor({ name: 'admin', groups: ['system:masters'] }));
    await client().create(customresourcedefinitions, virtualClusterCrd());
    await until('the kind is served', async () => {
      const { status } = await client().get(customresourcedefinitions, { name: 'virtualclusters.warren.dev' });
      return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
    });
  });
  after(() => stop.abort());

  const create = (name: string, spec: VirtualClusterSpec) =>
    client().create(virtualClusters, { metadata: { namespace: 'default', name }, spec } as VirtualCluster);

  const refused: Record<string, [spec: VirtualClusterSpec, fault: RegExp, name?: string]> = {
    'a name that no Service can have': [{}, /starts with a letter, and has letters, digits and dashes only/, 'a.b'],
    'a name that leaves no room for others': [{}, /may have at most 44 characters/, 'a'.repeat(45)],
    'replicas that share one file': [{ replicas: 2 }, /one SQLite file has one writer/],
    'PostgreSQL without a Secret': [{ datastore: { type: 'PostgreSQL' } }, /needs datastore.secretRef/],
    'a Secret that nobody reads': [{ datastore: { secretRef: { name: 'dsn' } } }, /only read where datastore.type/],
    'a node port of another exposure': [
      { exposure: { type: 'ClusterIP', nodePort: { port: 30_000 } } },
      /nodePort is only read where exposure.type is NodePort/,
    ],
    'a port of the system': [{ exposure: { nodePort: { port: 80 } } }, /greater than or equal to 1024/],
    'a range of IPv6 that is none': [{ networking: { podCIDRs: ['::::/64'] } }, /write a range/],
    'ranges of which one holds the other': [{ networking: { podCIDRs: ['10.0.0.0/8'] } }, /overlap/],
    'two ranges of one family': [
      { networking: { podCIDRs: ['10.42.0.0/16', '10.44.0.0/16'] } },
      /two podCIDRs are one of IPv4 and one of IPv6/,
    ],
    'an address of DNS outside of its ranges': [
      { networking: { dnsServiceIP: '10.42.0.10' } },
      /dnsServiceIP is in none of serviceCIDRs/,
    ],
    'a volume without a size': [{ datastore: { persistentVolumeClaim: { size: '0' } } }, /a size greater than 0/],
    'a size that is no quantity': [{ datastore: { persistentVolumeClaim: { size: 'big' } } }, /should match/],
    'a mirror that is no name of a registry': [
      { nodes: { registries: { mirrors: { 'https://docker.io': {} } } } },
      /mirrors are named by host and port/,
    ],
    'an endpoint that is no URL': [
      { nodes: { registries: { mirrors: { 'docker.io': { endpoint: ['mirror.example.com'] } } } } },
      /write a URL of http or https/,
    ],
    'an endpoint of another scheme': [
      { nodes: { registries: { mirrors: { '*': { endpoint: ['ftp://mirror.example.com'] } } } } },
      /write a URL of http or https/,
    ],
    'an authority that is none': [
      { nodes: { registries: { configs: { 'a.example.com:5000': { tls: { ca: 'me' } } } } } },
      /should match/,
    ],
    'files that come from two objects': [
      { controlPlane: { extraFiles: [{ configMap: { name: 'a' }, secret: { name: 'b' } }] } },
      /give either configMap or secret/,
    ],
    'a limit that is no quantity': [{ controlPlane: { resources: { limits: { cpu: 'all' } } } }, /should match/],
  };
  for (const [title, [spec, fault, name = 'refused']] of Object.entries(refused))
    it(`refuses ${title}`, async () => await assert.rejects(create(name, spec), fault));

  it('takes both families', async () => {
    const networking = {
      podCIDRs: ['10.42.0.0/16', 'fd00:1::/56'],
      serviceCIDRs: ['10.43.0.0/16', 'fd00:2::/112'],
      dnsServiceIP: 'fd00:2::a',
    };
    const { spec } = await create('dual', { networking });
    assert.deepEqual(spec.networking, { clusterDomain: 'cluster.local', ...networking });
  });

  it('takes registries', async () => {
    const registries = {
      mirrors: {
        'docker.io': { endpoint: ['https://mirror.example.com:5000/v2/hub'], rewrite: { '^rancher/(.*)': 'r/$1' } },
        '*': { endpoint: ['http://10.0.0.1:5000'] },
        '[fd00::1]:5000': {},
      },
      configs: { 'mirror.example.com:5000': { auth: { secretRef: { name: 'login' } } } },
    };
    const { spec } = await create('mirrored', { nodes: { registries } });
    assert.deepEqual(spec.nodes?.registries, registries);
  });

  const changes: Record<string, [from: VirtualClusterSpec, to: VirtualClusterSpec, fault: RegExp]> = {
    'other networks': [{}, { networking: { podCIDRs: ['10.50.0.0/16'] } }, /networking cannot be changed/],
    'another kind of datastore': [
      {},
      { datastore: { type: 'PostgreSQL', secretRef: { name: 'dsn' } } },
      /datastore.type cannot be changed/,
    ],
    'another class of storage': [
      { datastore: { persistentVolumeClaim: { storageClassName: 'fast' } } },
      { datastore: { persistentVolumeClaim: { storageClassName: 'slow' } } },
      /storageClassName cannot be changed/,
    ],
    'another class of load balancer': [
      { exposure: { type: 'LoadBalancer', loadBalancerClass: 'inner' } },
      { exposure: { type: 'LoadBalancer', loadBalancerClass: 'outer' } },
      /loadBalancerClass cannot be changed/,
    ],
  };
  for (const [index, [title, [from, to, fault]]] of Object.entries(changes).entries())
    it(`refuses a change to ${title}`, async () => {
      const key = { namespace: 'default', name: `changed-${index}` };
      await create(key.name, from);
      await assert.rejects(client().patch(virtualClusters, key, { spec: to }, { type: 'merge' }), fault);
    });
});
