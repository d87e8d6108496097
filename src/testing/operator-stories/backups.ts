import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Secret } from '../../generated/api/core/v1.ts';
import { deployments, persistentvolumeclaims, secrets } from '../../generated/resource-types.ts';
import { virtualClusters } from '../../operator/api/virtual-cluster.ts';
import {
  BACKUP_NOW,
  type VirtualClusterBackup,
  virtualClusterBackups,
} from '../../operator/api/virtual-cluster-backup.ts';
import { createKeySource } from '../../operator/key-source.ts';
import { sealIdentity } from '../../pki/sealed-identity.ts';
import { systemClock } from '../../std/clock.ts';
import { until } from '../memory-server.ts';
import { type OperatorLab, text } from './lab.ts';

/** Backups, and tenants that are made from them. */
export function tellBackups(lab: OperatorLab): void {
  const { create, get, condition, exists, serve, theJob, finish, fail, at } = lab;

  it('makes a backup by a Job, and tells what the storage holds', async () => {
    const storage = {
      s3: { endpoint: 'https://s3.example', bucket: 'warren', credentialsSecretRef: { name: 's3' } },
    };
    const backup = { virtualClusterName: 'demo', retention: { keepLast: 3, maxAge: '30d' }, storage };
    await lab.client.create(virtualClusterBackups, {
      metadata: at('once'),
      spec: backup,
    } as VirtualClusterBackup);
    const healthy = async () => (await lab.client.get(virtualClusterBackups, at('once'))).status?.conditions?.[0];
    await until('the credentials are missed', async () => (await healthy())?.reason === 'CredentialsMissing');
    const stringData = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'very-secret' };
    await lab.client.create(secrets, { metadata: at('s3'), stringData } as Secret);
    await lab.client.patch(
      virtualClusterBackups,
      at('once'),
      { metadata: { labels: { look: '1' } } },
      { type: 'merge' },
    );
    const [job] = await theJob('warren.dev/backup=once');
    const [container] = job?.spec?.template.spec?.containers ?? [];
    const key = container?.args?.find((arg) => arg.startsWith('--key='))?.slice('--key='.length) ?? '';
    assert.match(key, /^default\/demo\/once\/\d{8}T\d{6}Z\.backup$/);
    assert.ok(container?.args?.includes('--keep-last=3') && container.args.includes('--max-age-seconds=2592000'));
    assert.doesNotMatch(JSON.stringify(job), /very-secret/);
    assert.equal(job?.spec?.template.metadata?.labels?.['warren.dev/virtualcluster'], undefined, 'it serves nobody');
    await finish(job, { key, bytes: 5, sha256: 'f'.repeat(64), durationMs: 1500, kept: [{ key, bytes: 5 }] });
    await until('the backup is told', async () => {
      const { status } = await lab.client.get(virtualClusterBackups, at('once'));
      return status?.phase === 'Completed' && status.lastBackup?.key === key && status.count === 1;
    });
    await until('the tenant tells of it', async () => (await condition('demo', 'BackupHealthy'))?.status === 'True');
    await until('nothing is left', async () => !(await exists(secrets, 'once-backup-access')));
  });

  it('makes the claim that a backup asks for', async () => {
    const storage = { persistentVolumeClaim: { size: '5Gi' } };
    const spec = { virtualClusterName: 'demo', schedule: '@yearly', storage };
    const metadata = { ...at('yearly'), annotations: { [BACKUP_NOW]: '1' } };
    await lab.client.create(virtualClusterBackups, { metadata, spec } as VirtualClusterBackup);
    const [job] = await theJob('warren.dev/backup=yearly');
    assert.ok(await exists(persistentvolumeclaims, 'yearly-backups'));
    await fail(job, 'too often');
    const read = () => lab.client.get(virtualClusterBackups, at('yearly'));
    await until('the fault is told', async () => (await read()).status?.phase === 'Failed');
    const { status } = await read();
    assert.deepEqual([status?.lastFailure?.message, status?.triggered], ['too often', '1']);
    assert.ok(Date.parse(status?.nextScheduleTime ?? '') > Date.now());
    await until('the tenant tells of it', async () => (await condition('demo', 'BackupHealthy'))?.status === 'False');
    await lab.client.delete(virtualClusterBackups, at('yearly'));
    await until('it is over', async () => (await condition('demo', 'BackupHealthy'))?.status === 'True');
  });

  it('makes a tenant from a backup, with its authorities and its token', async () => {
    const files = await createKeySource(systemClock).newPki();
    await create('back', { restoreFrom: { backupName: 'none' } });
    await until('the backup is missed', async () => (await condition('back', 'Ready'))?.reason === 'BackupMissing');
    await lab.client.patch(
      virtualClusters,
      at('back'),
      { spec: { restoreFrom: { backupName: 'once' } } },
      { type: 'merge' },
    );
    const [job] = await theJob('warren.dev/works-for=back');
    assert.ok(job?.spec?.template.spec?.containers[0]?.args?.includes('--from=default/demo/once/'));
    assert.equal(await exists(deployments, 'back-server'), false, 'it would make a tenant of its own');
    const seal = text(await lab.client.get(secrets, at('back-restore')), 'key');
    const token = `K10${'0'.repeat(64)}::server:abc`;
    await finish(job, { key: 'k', identity: sealIdentity({ files, token }, seal) });
    await serve('back');
    assert.equal(text(await lab.client.get(secrets, at('back-pki')), 'server-ca.key'), files['server-ca.key']);
    assert.match(text(await lab.client.get(secrets, at('back-token')), 'token'), /::server:abc$/);
    assert.equal((await get('back')).status?.restoredFrom, 'k');
    await until('nothing is left', async () => !(await exists(secrets, 'back-restore')));
  });

  it('stops a tenant that takes the state of a backup, and leaves it so where that fails', async () => {
    const replicas = async () => (await lab.client.get(deployments, at('back-server'))).spec?.replicas;
    const restoreFrom = { backupName: 'once', key: 'other' };
    await lab.client.patch(virtualClusters, at('back'), { spec: { restoreFrom } }, { type: 'merge' });
    const [job] = await theJob('warren.dev/works-for=back');
    assert.equal(await replicas(), 0);
    await fail(job, 'no such key');
    await until('the fault is told', async () => (await condition('back', 'Ready'))?.reason === 'RestoreFailed');
    assert.match((await condition('back', 'Ready'))?.message ?? '', /^no such key; delete Job back-restore to try/);
    assert.equal(await replicas(), 0);
  });
}
