/** Machines of both generations at a tenant: tokens of every kind, what they are told, and what stays when they go. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../client/http-transport.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { events, nodes, secrets, volumeattachments } from '../generated/resource-types.ts';
import { parseJoinToken } from '../pki/join-token.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { AgentDouble, type AgentOptions } from '../testing/agent-double/agent.ts';
import { freePort } from '../testing/free-port.ts';
import { readTenantConfig } from './config.ts';
import { startTenant, type Tenant } from './tenant.ts';

const HOUR_MS = 3600 * 1000;

describe('machines at a tenant', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-agents-'));
  const agents: AgentDouble[] = [];
  const names = { count: 0 };
  let port = 0;
  let tenant: Tenant;
  let transport: HttpTransport;
  let client: Client;

  before(async () => {
    port = await freePort();
    tenant = await start();
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  });
  after(async () => {
    transport.close();
    await tenant.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(): Promise<Tenant> {
    const flags = ['--data-dir', folder, '--https-listen-port', String(port), '--bind-address', '127.0.0.1'];
    const addresses = ['--advertise-address', '192.0.2.10', '--node-external-ip', '198.51.100.10,2001:db8::10'];
    const config = readTenantConfig([...flags, ...addresses, '--disable', 'coredns,servicelb'], {});
    const started = await startTenant(config, { clock: systemClock, logger: silentLogger });
    transport?.close();
    transport = createHttpTransport(readKubeconfig(started.kubeconfigPath));
    client = new Client(transport);
    return started;
  }

  const joining = (more: Partial<AgentOptions>): AgentOptions => ({
    url: `https://127.0.0.1:${port}`,
    token: tenant.token,
    nodeName: `vm-${++names.count}`,
    nodeIp: '192.0.2.7',
    generation: 'current',
    clock: systemClock,
    ...more,
  });
  async function enter(more: Partial<AgentOptions> = {}): Promise<AgentDouble> {
    const agent = await AgentDouble.join(joining(more));
    agents.push(agent);
    return agent;
  }

  async function addToken(id: string, more: Record<string, string> = {}): Promise<string> {
    const fields = {
      'token-id': id,
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      expiration: new Date(Date.now() + HOUR_MS).toISOString(),
      'auth-extra-groups': 'system:bootstrappers:k3s:default-node-token',
      ...more,
    };
    await client.create(secrets, {
      metadata: { namespace: 'kube-system', name: `bootstrap-token-${id}` },
      type: 'bootstrap.kubernetes.io/token',
      stringData: fields,
    });
    return `${id}.0123456789abcdef`;
  }

  const pinned = (credentials: string): string => `${tenant.token.split('::')[0]}::${credentials}`;
  const ask = async (path: string, method: string, password: string, body = ''): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`server:${password}`).toString('base64')}`;
    const sent = httpsRequest(`https://127.0.0.1:${port}${path}`, {
      method,
      headers: { authorization },
      rejectUnauthorized: false,
      agent: false,
    });
    sent.on('error', () => {}).end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await text(response);
    return response.statusCode ?? 0;
  };

  for (const generation of ['2021', 'current'] as const) {
    it(`lets ${generation} agents in by each form of a token`, async () => {
      const password = parseJoinToken(tenant.token).password;
      const bootstrap = await addToken(`good${generation === '2021' ? '21' : '26'}`);
      const forms = [
        tenant.token,
        pinned(`node:${password}`),
        password,
        bootstrap,
        // Agents before 1.26 take a bootstrap token for a password.
        ...(generation === '2021' ? [pinned(`node:${bootstrap}`)] : [pinned(bootstrap)]),
      ];
      for (const token of forms) {
        const agent = await enter({ token, generation });
        const { subject } = new X509Certificate(agent.membership.clientKubelet.cert);
        assert.equal(subject, `O=system:nodes\nCN=system:node:vm-${names.count}`);
      }
    });

    it(`tells ${generation} agents of every address`, async () => {
      const { servers } = await enter({ generation });
      const all = [`192.0.2.10:${port}`, `198.51.100.10:${port}`, `[2001:db8::10]:${port}`];
      // Endpoints have one family; slices have each.
      assert.deepEqual(servers, generation === '2021' ? all.slice(0, 2) : all);
    });
  }

  const refusals: Record<string, Record<string, string>> = {
    'is over': { expiration: new Date(Date.now() - HOUR_MS).toISOString() },
    'has a time that nobody can read': { expiration: 'soon' },
    'is for signing': { 'usage-bootstrap-authentication': 'false' },
    'names a group that is not for machines': { 'auth-extra-groups': 'system:masters' },
    'has another id': { 'token-id': 'zzzzzz' },
    'has another secret': { 'token-secret': 'ffffffffffffffff' },
  };
  for (const [title, fields] of Object.entries(refusals)) {
    it(`refuses a bootstrap token that ${title}`, async () => {
      const token = await addToken(`bad${String(++names.count).padStart(3, '0')}`, fields);
      await assert.rejects(AgentDouble.join(joining({ token: pinned(token) })), /401/);
      await assert.rejects(AgentDouble.join(joining({ token: pinned(`node:${token}`), generation: '2021' })), /401/);
    });
  }

  it('revokes a bootstrap token, and leaves who joined by it alone', async () => {
    const token = await addToken('revoke');
    const agent = await enter({ token });
    await client.delete(secrets, { namespace: 'kube-system', name: 'bootstrap-token-revoke' });
    await assert.rejects(AgentDouble.join(joining({ token })), /401/);
    await assertReached(agent);
    await renew(agent, token);
  });

  it('rotates the token of the cluster, and leaves who joined by it alone', async () => {
    const old = tenant.token;
    const { password } = parseJoinToken(old);
    const older = await enter({ generation: '2021' });
    const agent = await enter();
    // It lets machines in, and is nobody to the API.
    assert.equal(await ask('/api', 'GET', password), 403);
    assert.equal(await ask('/v1-k3s/token', 'PUT', password, '{"newToken":"rotated"}'), 200);
    assert.equal(tenant.token, pinned('server:rotated'));
    assert.equal(await ask('/v1-k3s/config', 'GET', password), 401);
    await assert.rejects(AgentDouble.join(joining({ token: old })), /401/);
    await enter();
    for (const each of [older, agent]) await assertReached(each);
    // A newer agent gets its certificates anew by the old ones.
    await renew(agent, old);
    await tenant.close();
    tenant = await start();
    assert.equal(tenant.token, pinned('server:rotated'));
    for (const each of [older, agent]) await assertReached(each);
  });

  it('says what to do with a machine that was wiped, and lets it in once that is done', async () => {
    const first = await enter();
    const nodeName = `vm-${names.count}`;
    await assert.rejects(AgentDouble.join(joining({ nodeName })), /403.*hash does not match/);
    await until(async () => {
      const { items } = await client.list(events, { namespace: 'default' });
      const told = items.find(({ reason }) => reason === 'NodePasswordValidationFailed');
      return told?.message?.endsWith(`kubectl delete node ${nodeName}`) ?? false;
    });
    await first[Symbol.asyncDispose]();
    await client.delete(nodes, { name: nodeName });
    await until(async () => {
      const again = await AgentDouble.join(joining({ nodeName })).catch(() => undefined);
      if (again !== undefined) agents.push(again);
      return again !== undefined;
    });
  });

  it('keeps nothing of a node that is deleted', async () => {
    const agent = await enter();
    const nodeName = `vm-${names.count}`;
    const source = { persistentVolumeName: 'v' };
    await client.create(volumeattachments, {
      metadata: { name: 'attached' },
      spec: { attacher: 'driver', nodeName, source },
    });
    await agent[Symbol.asyncDispose]();
    await client.delete(nodes, { name: nodeName });
    await until(async () => {
      const kept = (await client.list(secrets, { namespace: 'kube-system' })).items.map(
        ({ metadata }) => metadata.name,
      );
      const attached = (await client.list(volumeattachments, {})).items;
      return !kept.includes(`${nodeName}.node-password.k3s`) && attached.length === 0;
    });
  });

  it('certifies for machines whose clocks are behind', async () => {
    const { membership } = await enter();
    for (const { cert } of [membership.clientKubelet, membership.servingKubelet, { cert: membership.serverCa }]) {
      const leadMs = Date.now() - Date.parse(new X509Certificate(cert).validFrom);
      assert.ok(leadMs > 0.9 * HOUR_MS, `begins ${leadMs} ms ago`);
    }
  });

  /** Comes back as a newer agent does: with its certificate, its password and whatever token it has. */
  async function renew(agent: AgentDouble, token: string): Promise<void> {
    const { subject } = new X509Certificate(agent.membership.clientKubelet.cert);
    const nodeName = subject.split('system:node:')[1] ?? '';
    const { nodePassword, membership } = agent;
    await agent[Symbol.asyncDispose]();
    agents.splice(agents.indexOf(agent), 1);
    const again = await enter({ token, nodeName, nodePassword, previous: membership.clientKubelet });
    assert.notEqual(again.membership.clientKubelet.cert, membership.clientKubelet.cert);
    await assertReached(again);
  }

  async function assertReached(agent: AgentDouble): Promise<void> {
    const { subject } = new X509Certificate(agent.membership.clientKubelet.cert);
    const nodeName = subject.split('system:node:')[1] ?? '';
    await until(async () => {
      const { ca, clientCert: cert, clientKey: key } = readKubeconfig(tenant.kubeconfigPath);
      const url = `https://127.0.0.1:${port}/api/v1/nodes/${nodeName}/proxy/healthz`;
      const sent = httpsRequest(url, { ca, cert, key, agent: false });
      sent.on('error', () => {}).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      return (await text(response)) === 'ok';
    });
  }
});

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let left = 200; !(await isTrue()); left--) {
    if (left === 0) throw new Error('it does not become true');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
