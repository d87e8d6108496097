/** Tokens that are good for some machines only, what they say of these machines, and clusters that are full. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../client/http-transport.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import type { Node } from '../generated/api/core/v1.ts';
import { nodes, secrets } from '../generated/resource-types.ts';
import { JOIN_LIMITS, JOIN_TOKEN, JOIN_TOKEN_LABEL, type JoinLimits, readUsedBy } from '../pki/join-limits.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { AgentDouble } from '../testing/agent-double/agent.ts';
import { freePort } from '../testing/free-port.ts';
import { until } from '../testing/memory-server.ts';
import { readTenantConfig } from './config.ts';
import { startTenant, type Tenant } from './tenant.ts';

describe('machines with a join token', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-limits-'));
  const endpointFile = join(folder, 'endpoint.json');
  const agents: AgentDouble[] = [];
  const state: { tenant?: Tenant; transport?: HttpTransport; port: number } = { port: 0 };
  const client = (): Client => new Client(state.transport as HttpTransport);
  const limit = (maxNodes?: number): void =>
    writeFileSync(endpointFile, JSON.stringify({ addresses: ['192.0.2.1'], names: [], maxNodes }));

  before(async () => {
    state.port = await freePort();
    limit();
    const flags = ['--data-dir', folder, '--https-listen-port', String(state.port), '--bind-address', '127.0.0.1'];
    const config = readTenantConfig([...flags, '--endpoint-file', endpointFile, '--disable', 'coredns,servicelb'], {});
    state.tenant = await startTenant(config, { clock: systemClock, logger: silentLogger });
    state.transport = createHttpTransport(readKubeconfig(state.tenant.kubeconfigPath));
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  });
  after(async () => {
    state.transport?.close();
    await state.tenant?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function addToken(id: string, limits: JoinLimits): Promise<string> {
    await client().create(secrets, {
      metadata: {
        namespace: 'kube-system',
        name: `bootstrap-token-${id}`,
        labels: { [JOIN_TOKEN_LABEL]: 'true' },
        annotations: { [JOIN_TOKEN]: `default/${id}`, [JOIN_LIMITS]: JSON.stringify(limits) },
      },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': id,
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:warren:join-token',
      },
    });
    return `${state.tenant?.token.split('::')[0]}::${id}.0123456789abcdef`;
  }
  async function enter(token: string, nodeName: string, nodePassword?: string): Promise<AgentDouble> {
    const url = `https://127.0.0.1:${state.port}`;
    const machine = { nodeName, nodeIp: '192.0.2.7', generation: 'current' as const, clock: systemClock };
    const agent = await AgentDouble.join({ url, token, ...machine, ...(nodePassword ? { nodePassword } : {}) });
    agents.push(agent);
    return agent;
  }
  const usedBy = async (id: string) =>
    readUsedBy(
      (await client().get(secrets, { namespace: 'kube-system', name: `bootstrap-token-${id}` })).metadata.annotations,
    );
  const node = (name: string): Promise<Node> => client().get(nodes, { name });

  it('come in as often as it is good for, and again under a name that has counted', async () => {
    const token = await addToken('aaaaaa', { maxUses: 2 });
    const first = await enter(token, 'one');
    await enter(token, 'two');
    await assert.rejects(enter(token, 'three'), /good for 2 machines, and was used by so many/);
    await enter(token, 'one', first.nodePassword);
    assert.deepEqual(await usedBy('aaaaaa'), ['one', 'two']);
  });

  it('count each where they come at once', async () => {
    const token = await addToken('bbbbbb', { maxUses: 3 });
    const tries = ['a', 'b', 'c', 'd', 'e'].map((name) => enter(token, `at-once-${name}`));
    const ended = await Promise.allSettled(tries);
    assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 3);
    assert.equal((await usedBy('bbbbbb')).length, 3);
  });

  it('get its labels and taints once', async () => {
    const taint = { key: 'edge', value: 'yes', effect: 'NoSchedule' as const };
    const token = await addToken('cccccc', { labels: { 'warren.test/place': 'attic' }, taints: [taint] });
    await enter(token, 'labelled');
    await until('it has them', async () => {
      const { metadata, spec } = await node('labelled');
      return (
        metadata.labels?.['warren.test/place'] === 'attic' && (spec.taints ?? []).some(({ key }) => key === 'edge')
      );
    });
    assert.equal((await node('labelled')).metadata.annotations?.['warren.dev/joined-with'], 'default/cccccc');
  });

  it('stay where it is revoked', async () => {
    const token = await addToken('dddddd', {});
    const agent = await enter(token, 'stays');
    await client().delete(secrets, { namespace: 'kube-system', name: 'bootstrap-token-dddddd' });
    await assert.rejects(enter(token, 'late'));
    assert.ok(
      (await node('stays')).status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    );
    assert.ok(agent.membership.clientKubelet.cert);
  });

  it('do not come in where the cluster is full, and do once it may have more', async () => {
    const { items } = await client().list(nodes);
    limit(items.length);
    const token = state.tenant?.token ?? '';
    const refused = /may have \d+ nodes, and has them/;
    await until('the limit is known', async () =>
      enter(token, 'one-more', 'its-own').then(
        () =>
          client()
            .delete(nodes, { name: 'one-more' })
            .then(() => false),
        (error: Error) => refused.test(error.message),
      ),
    );
    limit();
    await until('the limit is gone', async () =>
      enter(token, 'one-more', 'its-own').then(
        () => true,
        () => false,
      ),
    );
  });
});
