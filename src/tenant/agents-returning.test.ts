/** Agents before 1.28 that start again after their bootstrap token has gone: they show nothing but that token, and the password of their node. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client } from '../client/client.ts';
import { createHttpTransport, type HttpTransport } from '../client/http-transport.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { configmaps, nodes, secrets } from '../generated/resource-types.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { AgentDouble } from '../testing/agent-double/agent.ts';
import { freePort } from '../testing/free-port.ts';
import { until } from '../testing/memory-server.ts';
import { readTenantConfig } from './config.ts';
import { startTenant, type Tenant } from './tenant.ts';

const SECRET = '0123456789abcdef';
const NAMESPACE = 'kube-system';

describe('an older agent whose bootstrap token has gone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-returning-'));
  let tenant: Tenant;
  let transport: HttpTransport;
  let client: Client;

  before(async () => {
    const port = await freePort();
    const flags = ['--data-dir', folder, '--https-listen-port', String(port), '--advertise-address', '127.0.0.1'];
    const config = readTenantConfig(
      [...flags, '--bind-address', '127.0.0.1', '--disable', 'coredns,servicelb,local-storage,metrics-server'],
      {},
    );
    tenant = await startTenant(config, { clock: systemClock, logger: silentLogger });
    transport = createHttpTransport(readKubeconfig(tenant.kubeconfigPath));
    client = new Client(transport);
  });
  after(async () => {
    transport?.close();
    await tenant?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const secretOf = (id: string) => ({ namespace: NAMESPACE, name: `bootstrap-token-${id}` });

  async function addToken(id: string): Promise<void> {
    await client.create(secrets, {
      metadata: secretOf(id),
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': id,
        'token-secret': SECRET,
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:k3s:default-node-token',
      },
    });
  }

  /** Starts an agent and lets it go again. */
  async function start(id: string, nodeName: string, nodePassword?: string, form = 'node:'): Promise<string> {
    await using agent = await AgentDouble.join({
      url: tenant.url,
      token: `${tenant.token.split('::')[0]}::${form}${id}.${SECRET}`,
      nodeName,
      nodePassword,
      nodeIp: '192.0.2.7',
      generation: form === '' ? 'current' : '2021',
      clock: systemClock,
    });
    return agent.nodePassword;
  }

  async function joined(id: string, nodeName: string): Promise<string> {
    await addToken(id);
    return await start(id, nodeName);
  }

  async function ask(path: string, token: string, headers: Record<string, string> = {}): Promise<number> {
    const authorization = `Basic ${Buffer.from(`node:${token}`).toString('base64')}`;
    const sent = httpsRequest(new URL(path, tenant.url), {
      headers: { ...headers, authorization },
      agent: false,
      rejectUnauthorized: false,
    });
    sent.on('error', () => {}).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode ?? 0;
  }

  it('starts again after it was revoked, with the password of its node', async () => {
    const password = await joined('aaaaaa', 'revoked');
    await client.delete(secrets, secretOf('aaaaaa'));
    assert.equal(await start('aaaaaa', 'revoked', password), password);
    assert.equal(await start('aaaaaa', 'revoked', password), password);
  });

  it('starts again where it sent the token as such, as agents of 1.26 and 1.27 do', async () => {
    await addToken('abcdef');
    const password = await start('abcdef', 'bearer', undefined, '');
    await client.delete(secrets, secretOf('abcdef'));
    await start('abcdef', 'bearer', password, '');
    await assert.rejects(start('abcdef', 'other', password, ''), /serving-kubelet\.crt: 401/);
  });

  it('starts again after it has expired', async () => {
    const password = await joined('bbbbbb', 'expired');
    const expiration = Buffer.from('2020-01-01T00:00:00Z').toString('base64');
    await client.patch(secrets, secretOf('bbbbbb'), { data: { expiration } }, { type: 'merge' }).catch(() => {});
    await start('bbbbbb', 'expired', password);
  });

  it('starts no more with another password, under another name, or with a token of others', async () => {
    const password = await joined('cccccc', 'mine');
    await joined('dddddd', 'theirs');
    for (const id of ['cccccc', 'dddddd']) await client.delete(secrets, secretOf(id));
    await assert.rejects(start('cccccc', 'mine', 'guessed'), /403 .*hash does not match/);
    await assert.rejects(start('cccccc', 'new'), /serving-kubelet\.crt: 401/);
    await assert.rejects(start('cccccc', 'theirs', password), /serving-kubelet\.crt: 401/);
    await assert.rejects(start('dddddd', 'mine', password), /serving-kubelet\.crt: 401/);
    await assert.rejects(start('eeeeee', 'mine', password), /config: 401/);
    await start('cccccc', 'mine', password);
  });

  it('gets what all machines share only behind its password, and once', async () => {
    const password = await joined('ffffff', 'careful');
    await client.delete(secrets, secretOf('ffffff'));
    const token = `ffffff.${SECRET}`;
    const shared = ['/v1-k3s/client-kube-proxy.crt', '/v1-k3s/client-k3s-controller.crt'];
    const headers = { 'k3s-Node-Name': 'careful', 'k3s-Node-Password': password };
    for (const path of shared) assert.equal(await ask(path, token), 401);
    assert.equal(await ask('/v1-k3s/client-kubelet.crt', token, { ...headers, 'k3s-Node-Password': 'x' }), 403);
    for (const path of shared) assert.equal(await ask(path, token), 401);
    assert.equal(await ask('/v1-k3s/client-kubelet.crt', token, headers), 200);
    for (const path of shared) assert.deepEqual([await ask(path, token), await ask(path, token)], [200, 401]);
    for (const path of ['/v1-k3s/apiservers', '/v1-k3s/token', '/v1-k3s/connect', '/v1-warren/install.sh'])
      assert.notEqual(await ask(path, token), 200, path);
  });

  it('is kept out where its machine is shut out, and where its node was deleted', async () => {
    const password = await joined('gggggg', 'stolen');
    await client.delete(secrets, secretOf('gggggg'));
    const denied = { namespace: NAMESPACE, name: 'denied-machines' };
    await client.create(configmaps, { metadata: denied, data: { stolen: 'in May' } });
    await assert.rejects(start('gggggg', 'stolen', password), /409 .*shut out/);
    await client.delete(configmaps, denied);
    await client.delete(nodes, { name: 'stolen' });
    await assert.rejects(start('gggggg', 'stolen', password), /: 401/);
    await until('the token is forgotten', async () => (await ask('/v1-k3s/config', `gggggg.${SECRET}`)) === 401);
  });

  it('leaves nothing of its token', async () => {
    await joined('hhhhhh', 'quiet');
    await client.delete(secrets, secretOf('hhhhhh'));
    const { metadata, data } = await client.get(secrets, { namespace: NAMESPACE, name: 'quiet.node-password.k3s' });
    assert.match(metadata.annotations?.['warren.dev/joined-by'] ?? '', /^hhhhhh:[0-9a-f]{32}:[0-9a-f]{64}$/);
    assert.doesNotMatch(JSON.stringify([metadata, data]), new RegExp(SECRET));
  });
});
