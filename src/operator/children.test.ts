/** What belongs to a tenant comes back at once, whoever took or changed it; and a tenant goes from every state. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/events.ts';
import { Informers } from '../client/informers.ts';
import type { Node } from '../generated/api/core/v1.ts';
import {
  customresourcedefinitions,
  deployments,
  ingresses,
  networkpolicies,
  nodes,
  persistentvolumeclaims,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import type { AnyObject, KubeObject, ResourceType } from '../machinery/object/object.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { collectHostGarbage } from '../testing/host-garbage.ts';
import { startMemoryServer, until } from '../testing/memory-server.ts';
import { allCrds } from './api/crds.ts';
import { type VirtualCluster, type VirtualClusterSpec, virtualClusters } from './api/virtual-cluster.ts';
import { createKeySource } from './key-source.ts';
import type { TenantState } from './observed.ts';
import { runOperator } from './operator.ts';

describe('what belongs to a tenant', () => {
  const stop = new AbortController();
  const state: { client?: Client; tenant?: TenantState | undefined; running?: Promise<unknown> } = {};
  const client = (): Client => state.client as Client;
  const at = (name: string) => ({ namespace: 'default', name });

  before(async () => {
    const server = await startMemoryServer(silentLogger, stop.signal);
    const own = new Client(server.transportFor({ name: 'admin', groups: ['system:masters', 'system:authenticated'] }));
    state.client = own;
    for (const crd of allCrds()) await own.create(customresourcedefinitions, crd);
    await until('the kinds are served', async () => {
      const { items } = await own.list(customresourcedefinitions);
      return items.every(({ status }) =>
        status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True'),
      );
    });
    const addresses = [{ type: 'ExternalIP', address: '192.0.2.1' }];
    const conditions = [{ type: 'Ready', status: 'True' }];
    await own.create(nodes, { metadata: { name: 'host-1' }, status: { addresses, conditions } } as Node);
    const base = { clock: systemClock, logger: silentLogger, signal: stop.signal };
    const informers = new Informers({ client: own, ...base });
    const operator = runOperator(
      {
        client: own,
        informers,
        events: createEventRecorder({ client: own, component: 'warren-operator', ...base }),
        keys: createKeySource(systemClock),
        tenants: { clientOf: () => undefined, probe: async () => state.tenant, rotateToken: async () => {} },
        settings: {
          image: 'warren:test',
          imagePullPolicy: 'IfNotPresent',
          serverVersion: 'v1.36.2+warren1',
          agentVersion: 'v1.36.2+k3s1',
          nodePorts: { first: 30_000, last: 32_767 },
        },
        watchNamespaces: [],
        clock: systemClock,
        logger: silentLogger,
      },
      stop.signal,
    );
    const collecting = collectHostGarbage(own, stop.signal);
    state.running = Promise.all([operator, informers.ended(), collecting]);
  });
  after(async () => {
    stop.abort();
    await state.running;
  });

  const create = (name: string, spec: VirtualClusterSpec = {}) =>
    client().create(virtualClusters, { metadata: at(name), spec } as VirtualCluster);
  const phase = async (name: string) => (await client().get(virtualClusters, at(name))).status?.phase;
  const find = async (type: ResourceType<KubeObject>, name: string): Promise<AnyObject | undefined> => {
    try {
      return (await client().get(type, at(name))) as AnyObject;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  async function serve(name: string): Promise<void> {
    await until('the server is wanted', async () => (await find(deployments, `${name}-server`)) !== undefined);
    state.tenant = { ready: true, nodes: { total: 0, ready: 0 }, kubelets: {} };
    await until('the tenant is Ready', async () => (await phase(name)) === 'Ready');
  }

  const ingress = { host: 'demo.example.com' };
  const children: Record<string, [type: ResourceType<KubeObject>, name: string, change: object]> = {
    'its Service': [services as never, 'demo-server', { spec: { publishNotReadyAddresses: false } }],
    'its Deployment': [deployments as never, 'demo-server', { spec: { replicas: 3 } }],
    'its NetworkPolicy': [networkpolicies as never, 'demo-server', { spec: { ingress: [{}] } }],
    'its Ingress': [
      ingresses as never,
      'demo-server',
      { metadata: { annotations: { 'haproxy.org/ssl-passthrough': 'no' } } },
    ],
    'its token': [secrets as never, 'demo-token', { data: { url: 'eA==' } }],
    'its kubeconfig': [secrets as never, 'demo-kubeconfig', { data: { 'kubeconfig.yaml': 'eA==' } }],
  };
  it('is made', async () => {
    await create('demo', { exposure: { ingress } });
    await serve('demo');
    await until('all is there', async () => (await find(ingresses, 'demo-server')) !== undefined);
  });
  for (const [title, [type, name, change]] of Object.entries(children)) {
    const essence = (object: AnyObject | undefined): string => JSON.stringify([object?.['spec'], object?.['data']]);
    it(`is as it was soon after somebody changed ${title}`, async () => {
      const before = await find(type, name);
      await client().patch(type, at(name), change, { type: 'merge' });
      if (title === 'its kubeconfig') {
        // It is made anew, with another certificate.
        await until('it is mended', async () => dataOf(await find(type, name))['kubeconfig.yaml'] !== 'eA==');
        return;
      }
      await until('it is mended', async () => {
        const { annotations } = (await find(type, name))?.metadata ?? {};
        const same = JSON.stringify(annotations) === JSON.stringify(before?.metadata.annotations);
        return same && essence(await find(type, name)) === essence(before);
      });
    });
    it(`is there again soon after somebody deleted ${title}`, async () => {
      const uid = (await find(type, name))?.metadata.uid;
      await client().delete(type, at(name));
      await until('it is back', async () => {
        const found = await find(type, name);
        return found !== undefined && found.metadata.uid !== uid;
      });
    });
  }

  const edit = (type: ResourceType<KubeObject>, name: string, change: object) =>
    client().patch(type, at(name), change, { type: 'strategic', fieldManager: 'kubectl-edit' });
  const intrusions: Record<string, [type: ResourceType<KubeObject>, change: object, trace: string]> = {
    'a container': [
      deployments as never,
      { spec: { template: { spec: { containers: [{ name: 'miner', image: 'x' }] } } } },
      'miner',
    ],
    'the network of the node': [
      deployments as never,
      { spec: { template: { spec: { hostNetwork: true } } } },
      'hostNetwork',
    ],
    'a variable of its container': [
      deployments as never,
      { spec: { template: { spec: { containers: [{ name: 'server', env: [{ name: 'EVIL', value: 'x' }] }] } } } },
      'EVIL',
    ],
    'another strategy': [deployments as never, { spec: { strategy: { type: 'RollingUpdate' } } }, 'RollingUpdate'],
    'a port': [services as never, { spec: { ports: [{ name: 'extra', port: 22, targetPort: 22 }] } }, 'extra'],
  };
  for (const [title, [type, change, trace]] of Object.entries(intrusions)) {
    it(`loses ${title} that somebody adds`, async () => {
      const text = async () => JSON.stringify((await find(type, 'demo-server'))?.['spec']);
      const before = await text();
      assert.match(JSON.stringify(await edit(type, 'demo-server', change)), new RegExp(trace));
      await until('it is gone', async () => (await text()) === before);
    });
  }

  it('keeps a restart and notes of other tools', async () => {
    const annotations = { 'kubectl.kubernetes.io/restartedAt': 'now' };
    await edit(deployments as never, 'demo-server', {
      metadata: { annotations },
      spec: { template: { metadata: { annotations } } },
    });
    await client().patch(
      virtualClusters,
      at('demo'),
      { spec: { controlPlane: { extraArgs: ['--v=2'] } } },
      { type: 'merge' },
    );
    await until('the wish is done', async () =>
      /--v=2/.test(JSON.stringify(await find(deployments as never, 'demo-server'))),
    );
    const kept = JSON.stringify(await find(deployments as never, 'demo-server')).match(/restartedAt":"now"/g);
    assert.equal(kept?.length, 2);
  });

  it('is brought about where one thing is refused, which is told, until the host takes it', async () => {
    const note = async () => {
      const { status } = await client().get(virtualClusters, at('demo'));
      const { reason = '', message = '' } = status?.conditions?.find(({ type }) => type === 'UpToDate') ?? {};
      return `${status?.phase} ${reason}: ${message}`;
    };
    const patch = (spec: object) => client().patch(virtualClusters, at('demo'), { spec }, { type: 'merge' });
    const grown = { persistentVolumeClaim: { size: '2Gi' } };
    await patch({ datastore: grown, controlPlane: { extraArgs: ['--v=3'] } });
    await until('the rest is done', async () =>
      /--v=3/.test(JSON.stringify(await find(deployments as never, 'demo-server'))),
    );
    await until('it is told', async () => /^Ready \w+: PersistentVolumeClaim demo-data: /.test(await note()));
    await patch({ datastore: { persistentVolumeClaim: { size: '1Gi' } } });
    await until('it is told no more', async () => /^Ready AsWished: /.test(await note()));
  });

  const gone = (name: string) =>
    until(`${name} is gone`, async () => (await find(virtualClusters, name)) === undefined);
  const leftOf = async (name: string): Promise<string[]> => {
    const found = await Promise.all(
      ([services, deployments, secrets, persistentvolumeclaims] as unknown as ResourceType<KubeObject>[]).map(
        async (type) =>
          (await client().list(type, { namespace: 'default', labelSelector: `warren.dev/virtualcluster=${name}` }))
            .items,
      ),
    );
    return found.flat().map(({ metadata }) => metadata.name ?? '');
  };
  const states: Record<string, [spec: VirtualClusterSpec, reach: (name: string) => Promise<unknown>]> = {
    'that was made this moment': [{}, async () => {}],
    'that waits for its Secret': [
      { datastore: { type: 'PostgreSQL', secretRef: { name: 'none' } } },
      (name) => reason(name, 'SecretMissing'),
    ],
    'that waits for a load balancer': [{ exposure: { type: 'LoadBalancer' } }, (name) => reason(name, 'NoAddress')],
    'whose version is not served': [{ version: 'v1.20' }, (name) => reason(name, 'VersionNotServed')],
    'that waits for a backup': [{ restoreFrom: { backupName: 'none' } }, (name) => reason(name, 'BackupMissing')],
    'whose server does not come up': [
      {},
      async (name) => {
        state.tenant = undefined;
        await until('it starts', async () => (await phase(name)) === 'Provisioning');
      },
    ],
    'that is suspended': [{ suspend: true }, (name) => until('it is', async () => (await phase(name)) === 'Suspended')],
    'that serves': [{}, serve],
  };
  const reason = (name: string, wanted: string) =>
    until(`it says ${wanted}`, async () => {
      const { status } = await client().get(virtualClusters, at(name));
      return (
        status?.conditions?.some((condition) => condition.type === 'Ready' && condition.reason === wanted) ?? false
      );
    });
  for (const [index, [title, [spec, reach]]] of Object.entries(states).entries()) {
    it(`goes with a tenant ${title}`, async () => {
      const name = `state-${index}`;
      await create(name, spec);
      await reach(name);
      await client().delete(virtualClusters, at(name));
      await gone(name);
      await until('nothing is left', async () => (await leftOf(name)).length === 0);
    });
  }

  it('comes back with a tenant that was retained: its authorities, its token, its volume and its port', async () => {
    const spec = { deletionPolicy: 'Retain' as const };
    await create('kept', spec);
    await serve('kept');
    const see = async () => {
      const [pki, token, claim] = await Promise.all([
        find(secrets, 'kept-pki'),
        find(secrets, 'kept-token'),
        find(persistentvolumeclaims, 'kept-data'),
      ]);
      return [pki?.metadata.uid, pki?.['data'], dataOf(token)['token'], claim?.metadata.uid];
    };
    const before = await see();
    const endpoint = (await client().get(virtualClusters, at('kept'))).status?.endpoint;
    await client().delete(virtualClusters, at('kept'));
    await gone('kept');
    assert.deepEqual(await see(), before);
    await create('kept', spec);
    await serve('kept');
    assert.deepEqual(await see(), before);
    assert.equal((await client().get(virtualClusters, at('kept'))).status?.endpoint, endpoint, 'machines find it');
  });
});

function dataOf(object: AnyObject | undefined): Record<string, string> {
  return (object?.['data'] ?? {}) as Record<string, string>;
}
