import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deployments, events, networkpolicies, secrets, services } from '../../generated/resource-types.ts';
import { CLOSE_PORTS, virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { until } from '../memory-server.ts';
import { type OperatorLab, text } from './lab.ts';

/** What machines are told, and how they find a tenant that moves. */
export function tellMachines(lab: OperatorLab): void {
  const { get, condition, create, serve, at } = lab;
  const host = 'mirror.example.com:5000';
  const token = () => lab.client.get(secrets, at('mirrored-token'));
  const look = (label: string) =>
    lab.client.patch(virtualClusters, at('mirrored'), { metadata: { labels: { look: label } } }, { type: 'merge' });

  it('tells machines of registries once the login is there', async () => {
    await create('mirrored', {
      nodes: { registries: { configs: { [host]: { auth: { secretRef: { name: 'login' } } } } } },
    });
    await serve('mirrored');
    const verdict = async () => (await condition('mirrored', 'RegistriesReady'))?.reason;
    await until('the Secret is missed', async () => (await verdict()) === 'SecretMissing');
    assert.equal((await condition('mirrored', 'Ready'))?.status, 'True', 'it serves all the same');
    assert.equal(text(await token(), 'registries.json'), '{}');
    assert.doesNotMatch(text(await token(), 'join.sh'), /registries/);
    await until('it is told', async () => {
      const { items } = await lab.client.list(events, { namespace: 'default' });
      return items.some(({ reason, type }) => reason === 'SecretMissing' && type === 'Warning');
    });
    const stringData = { username: 'me', password: 'secret' };
    await lab.client.create(secrets, { metadata: at('login'), type: 'kubernetes.io/basic-auth', stringData });
    await look('1');
    await until('it is served', async () => (await verdict()) === 'Served');
    const files = JSON.parse(text(await token(), 'registries.json'));
    assert.match(files['/etc/rancher/k3s/registries.yaml'], /username: me\n {6}password: secret\n/);
    assert.match(text(await token(), 'join.sh'), /\/v1-warren\/registries\.sh' .* && curl -sfL https:\/\/get\.k3s\.io/);
    assert.doesNotMatch(JSON.stringify(await get('mirrored')), /password/);
    await lab.client.patch(virtualClusters, at('mirrored'), { spec: { nodes: null } }, { type: 'merge' });
    await until('nothing is told', async () => text(await token(), 'registries.json') === '{}');
    assert.equal(await verdict(), undefined);
  });

  it('keeps the port that machines know when it gets another one, until that is closed', async () => {
    const ports = async () => (await lab.client.get(services, at('mirrored-server'))).spec?.ports ?? [];
    const before = (await ports())[0]?.port ?? 0;
    const port = before === 32_001 ? 32_002 : 32_001;
    const names = async () => (await ports()).map(({ name, nodePort }) => `${name}:${nodePort}`).join();
    await until('machines are there', async () => ((await get('mirrored')).status?.nodes?.total ?? 0) > 0);
    const spec = { exposure: { nodePort: { port } } };
    await lab.client.patch(virtualClusters, at('mirrored'), { spec }, { type: 'merge' });
    await until('both are open', async () => (await names()) === `https:${port},former-${before}:${before}`);
    const args = async () =>
      (await lab.client.get(deployments, at('mirrored-server'))).spec?.template.spec?.containers[0]?.args ?? [];
    await until('the server listens at both', async () => (await args()).includes(`--former-listen-port=${before}`));
    assert.ok((await args()).includes(`--https-listen-port=${port}`));
    const policy = await lab.client.get(networkpolicies, at('mirrored-server'));
    assert.deepEqual(
      policy.spec?.ingress?.[0]?.ports?.map((each) => each.port),
      [port, before],
    );
    await until('machines are told of the new one', async () => text(await token(), 'url').endsWith(`:${port}`));
    const annotations = { [CLOSE_PORTS]: String(before) };
    await lab.client.patch(virtualClusters, at('mirrored'), { metadata: { annotations } }, { type: 'merge' });
    await until('one is open', async () => (await names()) === `https:${port}`);
    assert.ok(!(await args()).some((arg) => arg.startsWith('--former')));
    await lab.client.delete(virtualClusters, at('mirrored'));
  });
}
