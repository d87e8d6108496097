import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/events.ts';
import { Informers } from '../client/informers.ts';
import type { ApiRequest, Transport } from '../client/transport.ts';
import type { Node } from '../generated/api/core/v1.ts';
import {
  customresourcedefinitions,
  deployments,
  nodes,
  persistentvolumeclaims,
  secrets,
  services,
} from '../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../machinery/object/object.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { collectHostGarbage } from '../testing/host-garbage.ts';
import { startMemoryServer, until } from '../testing/memory-server.ts';
import { virtualClusterCrd } from './api/schema.ts';
import { type VirtualCluster, virtualClusters } from './api/virtual-cluster.ts';
import { createKeySource } from './key-source.ts';
import { runOperator } from './operator.ts';

const TENANTS = 12;
const ROUNDS = 60;

/** Numbers that look random and are the same in each run. Source: Park and Miller's minimal standard generator. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Fails one call in twenty: half of them before they were made, half after, when nobody learns what became of them. */
function unreliable(inner: Transport, random: () => number): Transport {
  return {
    async request(request: ApiRequest) {
      if (random() < 0.025) throw new Error('connection refused');
      const answer = await inner.request(request);
      if (random() < 0.025) throw new Error('connection reset');
      return answer;
    },
    watch: (request) => inner.watch(request),
  };
}

describe('the operator in bad company', () => {
  it('reaches what is wished, and leaves nothing behind, though it is killed and calls fail', async () => {
    const random = sequence(20_261_121);
    const stop = new AbortController();
    const server = await startMemoryServer(silentLogger, stop.signal);
    const transport = server.transportFor({ name: 'admin', groups: ['system:masters', 'system:authenticated'] });
    const client = new Client(transport);
    await client.create(customresourcedefinitions, virtualClusterCrd());
    await until('the kind is served', async () => {
      const { status } = await client.get(customresourcedefinitions, { name: 'virtualclusters.warren.dev' });
      return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
    });
    await client.create(nodes, {
      metadata: { name: 'host-1' },
      status: {
        addresses: [{ type: 'ExternalIP', address: '192.0.2.1' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    } as Node);

    /** One life of the operator; resolves to how to kill it. */
    const live = (): (() => Promise<void>) => {
      const life = new AbortController();
      const flaky = new Client(unreliable(transport, random));
      const base = { clock: systemClock, logger: silentLogger, signal: life.signal };
      const informers = new Informers({ client: flaky, ...base });
      const running = runOperator(
        {
          client: flaky,
          informers,
          events: createEventRecorder({ client: flaky, component: 'warren-operator', ...base }),
          keys: createKeySource(systemClock),
          tenants: {
            probe: async () => ({ ready: true, nodes: { total: 0, ready: 0 }, kubelets: {} }),
            rotateToken: async () => {},
            clientOf: () => undefined,
          },
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
        life.signal,
      );
      return async () => {
        life.abort();
        await running;
        await informers.ended();
      };
    };

    const collecting = collectHostGarbage(client, stop.signal);
    const wished = new Map<string, string>();
    const at = (name: string) => ({ namespace: 'default', name });
    let kill = live();
    for (let round = 0; round < ROUNDS; round++) {
      const name = `t${Math.floor(random() * TENANTS)}`;
      const sans = `${name}-${round}.example`;
      if (!wished.has(name)) {
        // A name may still be on its way out: then it is tried again in a later round.
        const object = { metadata: at(name), spec: { tls: { extraSANs: [sans] } } } as VirtualCluster;
        await client.create(virtualClusters, object).then(
          () => wished.set(name, sans),
          () => {},
        );
      } else if (random() < 0.4) {
        await client.delete(virtualClusters, at(name));
        wished.delete(name);
      } else {
        await client.patch(virtualClusters, at(name), { spec: { tls: { extraSANs: [sans] } } }, { type: 'merge' });
        wished.set(name, sans);
      }
      if (round % 12 === 11) {
        await kill();
        kill = live();
      }
      await systemClock.sleep(20);
    }

    const namesOf = async <T extends KubeObject>(type: ResourceType<T>): Promise<string> => {
      const { items } = await client.list(type, { namespace: 'default', labelSelector: 'warren.dev/virtualcluster' });
      return items
        .map(({ metadata }) => metadata.name)
        .sort()
        .join();
    };
    const expected = (...suffixes: string[]): string =>
      [...wished.keys()]
        .flatMap((name) => suffixes.map((suffix) => `${name}-${suffix}`))
        .sort()
        .join();
    await until('all that is wished is Ready, and nothing else is there', async () => {
      const { items } = await client.list(virtualClusters, { namespace: 'default' });
      const living = items.filter(({ metadata }) => wished.has(metadata.name ?? ''));
      return (
        items.length === wished.size &&
        living.every(
          ({ metadata, status }) => status?.phase === 'Ready' && status.observedGeneration === metadata.generation,
        ) &&
        (await namesOf(services)) === expected('server') &&
        (await namesOf(deployments)) === expected('server') &&
        (await namesOf(persistentvolumeclaims)) === expected('data') &&
        (await namesOf(secrets)) === expected('kubeconfig', 'pki', 'token')
      );
    });
    for (const [name, sans] of wished) {
      const { data } = await client.get(secrets, at(`${name}-token`));
      const { names } = JSON.parse(Buffer.from(data?.['endpoint.json'] ?? '', 'base64').toString());
      assert.ok(names.includes(sans), `${name} has its last wish`);
    }
    await kill();
    stop.abort();
    await collecting;
  });
});
