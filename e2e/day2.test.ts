/** Days after the first: backups, restores and what else an operator of many tenants does, with the real kubectl. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type S3Double, startS3Double } from '../src/testing/s3-double.ts';
import { clientFor } from './clients.ts';
import { eventually } from './program.ts';
import { startWarrenUp, type WarrenUp } from './warren-up.ts';

const apiVersion = 'warren.dev/v1alpha1';

describe('backups of tenants', () => {
  const state: { host?: WarrenUp; s3?: S3Double } = {};
  const host = (): WarrenUp => state.host as WarrenUp;
  before(async () => {
    state.s3 = await startS3Double('warren', 1000);
    state.host = await startWarrenUp();
  });
  after(async () => {
    await state.host?.[Symbol.asyncDispose]();
    await state.s3?.[Symbol.asyncDispose]();
  });
  const apply = (object: object) => host().kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  const field = (kind: string, name: string, path: string) =>
    host().kubectl(['get', kind, name, '-o', `jsonpath={${path}}`]);
  const secret = async (name: string, key: string) =>
    Buffer.from(await field('secret', name, `.data.${key.replace('.', '\\.')}`), 'base64').toString();
  const backup = (name: string, spec: object) =>
    apply({ apiVersion, kind: 'VirtualClusterBackup', metadata: { name }, spec });
  const inTenant = async (name: string, args: string[], input = '') => {
    const path = `${host().folder}/${name}.kubeconfig`;
    await host().warren(['kubeconfig', name, '-f', path]);
    return await clientFor('kubectl', path)(args, { input });
  };
  const phase = (name: string, wanted: string) =>
    eventually(async () => assert.equal(await field('vcb', name, '.status.phase'), wanted), { timeoutMs: 60_000 });

  it('are kept on a volume, and told', async () => {
    await inTenant('demo', ['create', 'configmap', 'kept', '--from-literal=a=1']);
    await backup('once', { virtualClusterName: 'demo', storage: { persistentVolumeClaim: { size: '1Gi' } } });
    await phase('once', 'Completed').catch(async (error) => {
      throw new Error(
        `${error.message}\n${await host().kubectl(['get', 'vcb,jobs,pods', '-o', 'yaml'])}\n${await host().kubectl(['logs', '-l', 'warren.dev/backup=once'])}`,
      );
    });
    assert.match(await field('vcb', 'once', '.status.lastBackup.key'), /^default\/demo\/once\/\d{8}T\d{6}Z\.backup$/);
    assert.match(await field('vcb', 'once', '.status.lastBackup.checksum'), /^[0-9a-f]{64}$/);
    await eventually(async () =>
      assert.match(await field('vc', 'demo', '.status.conditions[?(@.type=="BackupHealthy")].status'), /True/),
    );
  });

  it('bring a tenant back that was deleted, with its authorities, its token and its objects', async () => {
    const before = [await secret('demo-pki', 'server-ca.crt'), await secret('demo-token', 'token')];
    await host().warren(['delete', 'demo']);
    await apply({
      apiVersion,
      kind: 'VirtualCluster',
      metadata: { name: 'demo' },
      spec: { restoreFrom: { backupName: 'once' } },
    });
    await eventually(async () => assert.equal(await field('vc', 'demo', '.status.phase'), 'Ready'), {
      timeoutMs: 60_000,
    }).catch(async (error) => {
      throw new Error(
        `${error.message}\n${await host().kubectl(['get', 'vc,jobs,pods', '-o', 'yaml'])}\n${await host().kubectl(['logs', '-l', 'warren.dev/works-for=demo'])}`,
      );
    });
    assert.deepEqual([await secret('demo-pki', 'server-ca.crt'), await secret('demo-token', 'token')], before);
    assert.equal(await inTenant('demo', ['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}']), '1');
  });
});
