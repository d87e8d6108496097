import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deployments } from '../../generated/resource-types.ts';
import { virtualClusters } from '../../operator/api/virtual-cluster.ts';
import { until } from '../memory-server.ts';
import type { OperatorLab } from './lab.ts';

/** Other versions, and ways back. */
export function tellVersions(lab: OperatorLab): void {
  const { get, condition, at } = lab;

  it('leaves a tenant that asks for another version where it is', async () => {
    await lab.client.patch(virtualClusters, at('big'), { spec: { version: 'v1.37' } }, { type: 'merge' });
    await until('it is told', async () => (await condition('big', 'UpToDate'))?.reason === 'VersionNotServed');
    assert.equal((await get('big')).status?.phase, 'Ready');
    await lab.client.patch(virtualClusters, at('big'), { spec: { version: 'v1.36' } }, { type: 'merge' });
  });

  it('goes back to the server that was ready last where the new one does not turn ready', async () => {
    const good = { image: 'warren:before', version: 'v1.36.1+warren1', args: ['server', '--known'] };
    const annotations = { 'warren.dev/last-good': JSON.stringify(good) };
    await lab.client.patch(deployments, at('old-server'), { metadata: { annotations } }, { type: 'merge' });
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    const merge = { type: 'merge', subresource: 'status' } as const;
    await lab.client.patch(deployments, at('old-server'), { status: { conditions } }, merge);
    await until('it is told', async () => (await condition('old', 'UpToDate'))?.reason === 'RolledBack');
    const [container] = (await lab.client.get(deployments, at('old-server'))).spec?.template.spec?.containers ?? [];
    assert.deepEqual([container?.image, container?.args], [good.image, good.args]);
    await until('the version is told', async () => (await get('old')).status?.version === good.version);
    await lab.client.patch(deployments, at('old-server'), { status: { conditions: [] } }, merge);
    await lab.client.patch(virtualClusters, at('old'), { metadata: { labels: { look: 'again' } } }, { type: 'merge' });
    assert.equal((await condition('old', 'UpToDate'))?.reason, 'RolledBack', 'until there is another image');
  });
}
