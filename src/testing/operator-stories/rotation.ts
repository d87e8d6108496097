import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deployments, secrets } from '../../generated/resource-types.ts';
import { ROTATE_CA, ROTATE_TOKEN, virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { until } from '../memory-server.ts';
import { type OperatorLab, text } from './lab.ts';

/** New tokens and authorities. */
export function tellRotation(lab: OperatorLab): void {
  const { get, rotations, at } = lab;

  it('rotates the token once for each value of the annotation', async () => {
    const token = async () => text(await lab.client.get(secrets, at('old-token')), 'token');
    const before = await token();
    await lab.client.patch(
      virtualClusters,
      at('old'),
      { metadata: { annotations: { [ROTATE_TOKEN]: '1' } } },
      { type: 'merge' },
    );
    await until('it is done', async () => (await get('old')).status?.tokenRotation === '1');
    const [first] = rotations;
    assert.equal(before.endsWith(`:${first?.from}`), true);
    assert.equal(await token(), before.replace(first?.from ?? '', first?.to ?? ''));
    assert.match(text(await lab.client.get(secrets, at('old-token')), 'join.sh'), new RegExp(first?.to ?? 'none'));
    assert.equal(rotations.length, 1);
  });

  it('gives the tenant new authorities once for each value of the annotation', async () => {
    const read = async () => text(await lab.client.get(secrets, at('old-pki')), 'server-ca.crt');
    const [before, template] = [await read(), (await lab.client.get(deployments, at('old-server'))).spec?.template];
    await lab.client.patch(
      virtualClusters,
      at('old'),
      { metadata: { annotations: { [ROTATE_CA]: '1' } } },
      { type: 'merge' },
    );
    await until('it is done', async () => (await get('old')).status?.caRotation === '1');
    const after = await read();
    assert.ok(after !== before && after.endsWith(before), 'those of before stay trusted');
    const { status } = await get('old');
    assert.match(
      text(await lab.client.get(secrets, at('old-token')), 'token'),
      new RegExp(`^K10${status?.caCertHash}::`),
    );
    const kubeconfig = text(await lab.client.get(secrets, at('old-kubeconfig')), 'kubeconfig.yaml');
    assert.ok(kubeconfig.includes(Buffer.from(after).toString('base64')));
    const replaced = (await lab.client.get(deployments, at('old-server'))).spec?.template;
    assert.notDeepEqual(replaced?.metadata?.annotations, template?.metadata?.annotations, 'the server starts anew');
    await lab.client.patch(virtualClusters, at('old'), { metadata: { labels: { look: 'ca' } } }, { type: 'merge' });
    assert.equal(await read(), after);
  });
}
