/** Days after the first: backups, restores and what else an operator of many tenants does, with the real kubectl. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../src/testing/embedded-postgres.ts';
import { type S3Double, s3Credentials, startS3Double } from '../src/testing/s3-double.ts';
import { clientFor } from './clients.ts';
import { eventually } from './program.ts';
import { startWarrenUp, type WarrenUp } from './warren-up.ts';

const apiVersion = 'warren.dev/v1alpha1';

describe('backups of tenants', () => {
  const state: { host?: WarrenUp; s3?: S3Double; postgres?: EmbeddedPostgres } = {};
  const host = (): WarrenUp => state.host as WarrenUp;
  before(async () => {
    state.s3 = await startS3Double('warren', 1000);
    state.host = await startWarrenUp();
  });
  after(async () => {
    await state.host?.[Symbol.asyncDispose]();
    await state.s3?.[Symbol.asyncDispose]();
    await state.postgres?.[Symbol.asyncDispose]();
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

  it('go to S3 by command, in the number that is kept, and put a tenant back that went on', async () => {
    const { endpoint, objects } = state.s3 as S3Double;
    const { accessKeyId, secretAccessKey } = s3Credentials;
    const literals = [`AWS_ACCESS_KEY_ID=${accessKeyId}`, `AWS_SECRET_ACCESS_KEY=${secretAccessKey}`];
    await host().kubectl(['create', 'secret', 'generic', 's3', ...literals.map((each) => `--from-literal=${each}`)]);
    const where = ['--s3-endpoint', endpoint, '--s3-bucket', 'warren', '--s3-prefix', 'team', '--s3-secret', 's3'];
    const create = (...more: string[]) => host().warren(['backup', 'create', 'demo', '--name', 'cloud', ...more]);
    const made = await create(...where, '--keep-last', '2');
    assert.match(made, /virtualclusterbackup\/cloud made default\/demo\/cloud\/\d+T\d+Z\.backup, [\d.]+ MB/);
    const [, first = ''] = /made (\S+),/.exec(made) ?? [];
    assert.deepEqual([...objects.keys()], [`team/${first}`]);
    const checksum = createHash('sha256')
      .update(objects.get(`team/${first}`) ?? '')
      .digest('hex');
    assert.equal(await field('vcb', 'cloud', '.status.lastBackup.checksum'), checksum);
    await inTenant('demo', ['create', 'configmap', 'later', '--from-literal=a=1']);
    await create();
    await create();
    assert.equal(objects.size, 2);
    assert.equal(objects.has(`team/${first}`), false, 'the oldest is gone');
    const list = await host().warren(['backup', 'list', 'demo']);
    assert.equal(list.match(/default\/demo\/cloud\//g)?.length, 2);
    await assert.rejects(host().warren(['backup', 'restore', 'demo', '--from', 'once']), /give --replace/);
    assert.match(
      await host().warren(['backup', 'restore', 'demo', '--from', 'once', '--replace']),
      /is ready as it was in default\/demo\/once/,
    );
    await assert.rejects(inTenant('demo', ['get', 'configmap', 'later']), /not found/);
    const options = ['backup', 'restore', 'demo', '--replace', '--from', 'cloud'];
    assert.match(await host().warren(options), /is ready as it was in default\/demo\/cloud/);
    assert.match(await inTenant('demo', ['get', 'configmap', 'later', '-o', 'name']), /configmap\/later/);
  });

  it('tell why one cannot be made', async () => {
    await host().kubectl([
      'create',
      'secret',
      'generic',
      'wrong',
      '--from-literal=AWS_ACCESS_KEY_ID=a',
      '--from-literal=AWS_SECRET_ACCESS_KEY=b',
    ]);
    const where = ['--s3-endpoint', state.s3?.endpoint ?? '', '--s3-bucket', 'warren', '--s3-secret', 'wrong'];
    const failing = host().warren(['backup', 'create', 'demo', '--name', 'wrong', ...where, '--timeout', '120']);
    await assert.rejects(failing, /the storage of backups: SignatureDoesNotMatch/);
    const told = await field('vc', 'demo', '.status.conditions[?(@.type=="BackupHealthy")].message');
    assert.match(told, /^wrong: the storage of backups/);
  });

  it('carry a tenant from one database of PostgreSQL to another, and overwrite none', {
    skip: findPostgres().skip,
  }, async () => {
    const postgres = await startPostgres();
    state.postgres = postgres;
    for (const name of ['one', 'two'])
      await host().kubectl(['create', 'secret', 'generic', name, `--from-literal=endpoint=${postgres.endpoint(name)}`]);
    const on = (name: string) => ({ datastore: { type: 'PostgreSQL', secretRef: { name } } });
    const tenant = (spec: object) => apply({ apiVersion, kind: 'VirtualCluster', metadata: { name: 'sql' }, spec });
    await tenant(on('one'));
    await host().kubectl(['wait', 'vc/sql', '--for=condition=Ready', '--timeout=60s']);
    await inTenant('sql', ['create', 'configmap', 'kept', '--from-literal=a=1']);
    const before = [await secret('sql-pki', 'server-ca.crt'), await secret('sql-token', 'token')];
    await host().warren(['backup', 'create', 'sql', '--size', '1Gi']);
    await host().warren(['delete', 'sql']);
    await tenant({ ...on('two'), restoreFrom: { backupName: 'sql' } });
    await host().kubectl(['wait', 'vc/sql', '--for=condition=Ready', '--timeout=90s']);
    assert.equal(await inTenant('sql', ['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}']), '1');
    assert.deepEqual([await secret('sql-pki', 'server-ca.crt'), await secret('sql-token', 'token')], before);
    const again = host().warren(['backup', 'restore', 'sql', '--from', 'sql', '--replace', '--timeout', '120']);
    await assert.rejects(again, /two holds a tenant already: name an empty database/);
  });

  it('let machines reconnect after a restore without joining again', async () => {
    await host().warren(['create', 'far']);
    const port = Number(/:(\d+)$/.exec(await field('vc', 'far', '.status.endpoint'))?.[1]);
    const token = (await host().warren(['token', 'far'])).trim();
    const url = await field('vc', 'far', '.status.endpoint');
    const machine = { url, token, nodeName: 'edge-1', nodeIp: '192.0.2.7', clock: systemClock };
    await using _agent = await AgentDouble.join({ ...machine, generation: 'current' });
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' } };
    const containers = [{ name: 'c', image: 'busybox' }];
    await eventually(() =>
      inTenant('far', ['apply', '-f', '-'], JSON.stringify({ ...pod, spec: { nodeName: 'edge-1', containers } })),
    );
    // Logs come through the tunnel.
    const logs = () => eventually(() => inTenant('far', ['logs', 'web']), { timeoutMs: 60_000 });
    const before = await logs();
    await host().warren(['backup', 'create', 'far', '--size', '1Gi']);
    await host().warren(['delete', 'far']);
    const spec = { exposure: { nodePort: { port } }, restoreFrom: { backupName: 'far' } };
    await apply({ apiVersion, kind: 'VirtualCluster', metadata: { name: 'far' }, spec });
    await eventually(async () => assert.equal(await field('vc', 'far', '.status.phase'), 'Ready'));
    assert.equal(await logs(), before);
    assert.equal(await inTenant('far', ['get', 'pod', 'web', '-o', 'jsonpath={.status.phase}']), 'Running');
  });

  it('have authorities that are replaced while machines stay', async () => {
    const token = (await host().warren(['token', 'far'])).trim();
    const url = await field('vc', 'far', '.status.endpoint');
    const machine = { url, nodeIp: '192.0.2.8', clock: systemClock, generation: 'current' as const };
    await using _agent = await AgentDouble.join({ ...machine, token, nodeName: 'edge-2' });
    const old = `${host().folder}/old.kubeconfig`;
    await host().warren(['kubeconfig', 'far', '-f', old]);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-2' } };
    const spec = { nodeName: 'edge-2', containers: [{ name: 'c', image: 'busybox' }] };
    await inTenant('far', ['apply', '-f', '-'], JSON.stringify({ ...pod, spec }));
    const logs = () => eventually(() => inTenant('far', ['logs', 'web-2']), { timeoutMs: 60_000 });
    const before = await logs();
    assert.match(await host().warren(['rotate', 'ca', 'far']), /has new authorities/);
    assert.equal(await logs(), before, 'the tunnel and the kubelet know the old ones only');
    assert.match(await clientFor('kubectl', old)(['get', 'ns', '-o', 'name']), /namespace\/default/);
    const fresh = (await host().warren(['token', 'far'])).trim();
    assert.notEqual(fresh.split('::')[0], token.split('::')[0]);
    await assert.rejects(AgentDouble.join({ ...machine, token, nodeName: 'edge-3' }));
    await using _other = await AgentDouble.join({ ...machine, token: fresh, nodeName: 'edge-3' });
  });

  it('take machines in by tokens of their own', async () => {
    const args = ['join', 'far', '--token-name', 'attic', '--max-uses', '1', '--label', 'place=attic'];
    const line = await host().warren([...args, '--taint', 'attic=yes:NoSchedule', '-o', 'args']);
    const [, url = '', token = ''] = /--server '([^']+)' --token '([^']+)'/.exec(line) ?? [];
    const machine = { url, token, nodeIp: '192.0.2.9', clock: systemClock, generation: 'current' as const };
    await using _agent = await AgentDouble.join({ ...machine, nodeName: 'attic-1' });
    await assert.rejects(AgentDouble.join({ ...machine, nodeName: 'attic-2' }), /good for 1 machines/);
    const node = await eventually(async () => {
      const found = JSON.parse(await inTenant('far', ['get', 'node', 'attic-1', '-o', 'json']));
      assert.equal(found.metadata.labels.place, 'attic');
      return found;
    });
    assert.ok(node.spec.taints.some((taint: { key: string }) => taint.key === 'attic'));
    await eventually(async () =>
      assert.equal(await field('jointoken', 'attic', '.status.phase} {.status.usedBy[*]'), 'Exhausted attic-1'),
    );
    await assert.rejects(host().warren(['join', 'far', '--token-name', 'attic']), /JoinToken attic is Exhausted/);
    await host().kubectl(['delete', 'jointoken', 'attic']);
    const secrets = await inTenant('far', [
      'get',
      'secrets',
      '-n',
      'kube-system',
      '-l',
      'warren.dev/join-token',
      '-o',
      'name',
    ]);
    assert.equal(secrets, '');
    assert.match(await inTenant('far', ['get', 'node', 'attic-1', '-o', 'name']), /attic-1/);
  });

  it('keep to the policies of the host', async () => {
    const spec = { selector: { matchLabels: { team: 'a' } }, allowed: { exposures: ['ClusterIP'] } };
    await apply({ apiVersion, kind: 'VirtualClusterPolicy', metadata: { name: 'team-a' }, spec });
    await apply({ apiVersion, kind: 'VirtualCluster', metadata: { name: 'bad', labels: { team: 'a' } }, spec: {} });
    await host().kubectl(['wait', 'vc/bad', '--for=condition=PolicyViolation', '--timeout=30s']);
    assert.match(await host().kubectl(['get', 'events']), /ExposureNotAllowed/);
    assert.equal(await field('vcp', 'team-a', '.status.violating'), '1');
  });
});
