import assert from 'node:assert/strict';
import { it } from 'node:test';
import { secrets } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { type JoinToken, joinTokens } from '../../operator/api/join-token.ts';
import { until } from '../memory-server.ts';
import { type OperatorLab, text } from './lab.ts';

/** Tokens for machines. */
export function tellTokens(lab: OperatorLab): void {
  const { get, exists, at } = lab;

  it('makes a token good in its tenant, tells who came with it, and takes it back', async () => {
    const inTenant = (id: string) => ({ namespace: 'kube-system', name: `bootstrap-token-${id}` });
    const read = async () => await lab.client.get(joinTokens, at('edge'));
    const phase = async () => (await read()).status?.phase;
    const nodeTaints = [{ key: 'edge', effect: 'NoSchedule' as const }];
    const spec = { virtualClusterName: 'demo', ttl: '2h', maxUses: 2, nodeLabels: { place: 'attic' }, nodeTaints };
    await lab.client.create(joinTokens, { metadata: at('edge'), spec } as JoinToken);
    await until('it is good', async () => (await phase()) === 'Active');
    const { status, metadata } = await read();
    const id = status?.tokenID ?? '';
    const made = await lab.client.get(secrets, inTenant(id));
    assert.equal(text(made, 'auth-extra-groups'), 'system:bootstrappers:warren:join-token');
    assert.equal(Date.parse(text(made, 'expiration')) - Date.parse(metadata.creationTimestamp ?? ''), 2 * 3600_000);
    assert.deepEqual(JSON.parse(made.metadata.annotations?.['warren.dev/join-limits'] ?? ''), {
      maxUses: 2,
      labels: { place: 'attic' },
      taints: nodeTaints,
    });
    const own = await lab.client.get(secrets, at('edge-join-token'));
    const { caCertHash } = (await get('demo')).status ?? {};
    assert.equal(text(own, 'token'), `K10${caCertHash}::${id}.${text(made, 'token-secret')}`);
    assert.match(text(own, 'join.sh'), new RegExp(`K3S_TOKEN='K10${caCertHash}::${id}\\.`));

    const annotations = { 'warren.dev/used-by': '["a","b"]' };
    await lab.client.patch(secrets, inTenant(id), { metadata: { annotations } }, { type: 'merge' });
    await lab.client.patch(joinTokens, at('edge'), { metadata: { labels: { look: '1' } } }, { type: 'merge' });
    await until('it is used up', async () => (await phase()) === 'Exhausted');
    assert.deepEqual([(await read()).status?.usedBy, (await read()).status?.uses], [['a', 'b'], '2/2']);
    await lab.client.patch(joinTokens, at('edge'), { spec: { maxUses: 3 } }, { type: 'merge' });
    await until('it is good again', async () => (await phase()) === 'Active');
    await lab.client.patch(joinTokens, at('edge'), { spec: { revoked: true } }, { type: 'merge' });
    await until('it is revoked', async () => (await phase()) === 'Revoked');
    await assert.rejects(lab.client.get(secrets, inTenant(id)), isNotFound);
    await lab.client.patch(joinTokens, at('edge'), { spec: { revoked: false } }, { type: 'merge' });
    await until('it is good once more', async () => (await phase()) === 'Active');
    await lab.client.delete(joinTokens, at('edge'));
    await until('it is gone', async () => !(await exists(joinTokens, 'edge')));
    await assert.rejects(lab.client.get(secrets, inTenant(id)), isNotFound);
  });
}
