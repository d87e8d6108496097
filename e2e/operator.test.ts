/** What an operator's users do on a bad day and a good one: databases, rotations, rights, with the real kubectl and helm. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { type EmbeddedPostgres, findPostgres, startPostgres } from '../src/testing/embedded-postgres.ts';
import { clientFor, clientPath, run } from './clients.ts';
import { eventually } from './program.ts';
import { startWarrenUp, type WarrenUp } from './warren-up.ts';

const root = join(import.meta.dirname, '..');

describe('tenants of the operator', () => {
  const state: { host?: WarrenUp; postgres?: EmbeddedPostgres } = {};
  const host = (): WarrenUp => state.host as WarrenUp;
  before(async () => {
    state.host = await startWarrenUp();
  });
  after(async () => {
    await state.host?.[Symbol.asyncDispose]();
    await state.postgres?.[Symbol.asyncDispose]();
  });
  const field = (path: string, name = 'demo') => host().kubectl(['get', 'vc', name, '-o', `jsonpath={${path}}`]);

  it('tell their state in conditions, each with a reason', async () => {
    const text = await field('range .status.conditions[*]}{.type}={.status} {end');
    assert.equal(
      text.trim(),
      'Ready=True UpToDate=True DatastoreReady=True EndpointReachable=True ControlPlaneAvailable=True KubeconfigReady=True NodesReady=False Suspended=False',
    );
  });

  it('get another join token on demand, which the server takes and the old one does not open any more', async () => {
    const token = async () => (await host().warren(['join', 'demo', '-o', 'args'])).trim();
    const before = await token();
    assert.match(await host().warren(['rotate', 'token', 'demo']), /has a new join token/);
    const after = await token();
    assert.notEqual(before, after);
    const ask = async (command: string): Promise<string> => {
      const [, server = '', password = ''] = /--server '([^']+)' --token '[^']*::server:([^']+)'/.exec(command) ?? [];
      const args = [
        '-sk',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-u',
        `node:${password}`,
        `${server}/v1-k3s/config`,
      ];
      return (await run('curl', args)).stdout;
    };
    await eventually(async () => assert.deepEqual([await ask(after), await ask(before)], ['200', '401']));
  });

  it('give kubeconfigs to further users, who have no rights until they get some', async () => {
    const path = join(host().folder, 'jane.kubeconfig');
    await host().warren(['kubeconfig', 'demo', '--user', 'jane', '--group', 'dev', '--ttl', '8h', '-f', path]);
    const jane = clientFor('kubectl', path);
    assert.match(await eventually(() => jane(['auth', 'whoami'])), /jane[\s\S]*dev/);
    await assert.rejects(jane(['get', 'secrets']), /User "jane" cannot list resource "secrets"/);
  });

  it('are suspended and resumed by command', async () => {
    assert.match(await host().warren(['suspend', 'demo']), /suspended/);
    assert.equal(await field('.status.phase'), 'Suspended');
    assert.match(await host().warren(['resume', 'demo']), /is ready/);
  });

  it('are reached by a command that runs with their kubeconfig, and by a context', async () => {
    const text = await host().warren(['connect', 'demo', '--', clientPath('kubectl'), 'get', 'ns', '-o', 'name']);
    assert.match(text, /namespace\/kube-system/);
    const path = join(host().folder, 'merged');
    await host().warren(['connect', 'demo', '--into', path]);
    const merged = clientFor('kubectl', path);
    assert.match(await merged(['config', 'current-context']), /warren-default-demo/);
    assert.match(await merged(['get', 'ns', '-o', 'name']), /namespace\/default/);
  });

  it('collect what support needs, without secrets', async () => {
    const text = await host().warren(['debug', 'demo']);
    assert.match(text, /kind: VirtualCluster[\s\S]*kind: Deployment[\s\S]*ready at https/);
    const token = await host().warren(['token', 'demo']);
    const password = token.trim().split(':').at(-1) ?? '';
    assert.ok(password.length > 20 && !text.includes(password), 'the token is in it');
    assert.doesNotMatch(text, /PRIVATE KEY/);
  });

  it('get a port that no other program of the machine has, and are told where the chosen one is taken', async () => {
    await using other = await holdNodePort();
    const spec = { exposure: { nodePort: { port: other.port } } };
    const object = { apiVersion: 'warren.dev/v1alpha1', kind: 'VirtualCluster', metadata: { name: 'apart' }, spec };
    await host().kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    const told = '.status.conditions[?(@.type=="EndpointReachable")].reason';
    await eventually(async () => assert.equal(await field(told, 'apart'), 'PortTaken'));
    await host().kubectl(['patch', 'vc', 'apart', '--type=merge', '-p', '{"spec":{"exposure":{"nodePort":null}}}']);
    await host().kubectl(['wait', 'vc/apart', '--for=condition=Ready', '--timeout=60s']);
    assert.ok(!(await field('.status.endpoint', 'apart')).endsWith(`:${other.port}`));
    await host().kubectl(['delete', 'vc', 'apart', '--timeout=60s']);
  });

  it('keep their state in PostgreSQL', { skip: findPostgres().skip }, async () => {
    const postgres = await startPostgres();
    state.postgres = postgres;
    const spec = { datastore: { type: 'PostgreSQL', secretRef: { name: 'dsn' } } };
    const object = { apiVersion: 'warren.dev/v1alpha1', kind: 'VirtualCluster', metadata: { name: 'sql' }, spec };
    await host().kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    await eventually(async () =>
      assert.equal(await field('.status.conditions[?(@.type=="DatastoreReady")].reason', 'sql'), 'SecretMissing'),
    );
    await host().kubectl(['create', 'secret', 'generic', 'dsn', `--from-literal=endpoint=${postgres.endpoint('sql')}`]);
    await host().kubectl(['wait', 'vc/sql', '--for=condition=Ready', '--timeout=60s']);
    const rows = await postgres.run('sql', "SELECT count(*) AS n FROM kine WHERE name LIKE '/registry/namespaces/%'");
    assert.ok(Number(rows[0]?.['n']) >= 4);
    assert.match(await host().warren(['rotate', 'token', 'sql']), /has a new join token/);
    await host().kubectl(['delete', 'pod', '-l', 'warren.dev/virtualcluster=sql']);
    await host().kubectl(['wait', 'vc/sql', '--for=condition=Ready', '--timeout=60s']);
  });
});

/** Another program on a port that a tenant could get. */
async function holdNodePort(): Promise<{ readonly port: number } & AsyncDisposable> {
  for (;;) {
    const port = 30_000 + Math.floor(Math.random() * 2_768);
    const server = createServer();
    const isHeld = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isHeld) continue;
    return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
  }
}

describe('the chart', () => {
  const template = async (...sets: string[]) => {
    const args = ['template', 'warren', join(root, 'charts', 'warren'), '-n', 'warren-system'];
    const { code, stdout, stderr } = await run(clientPath('helm'), [...args, ...sets.flatMap((set) => ['--set', set])]);
    if (code !== 0) throw new Error(stderr);
    return parseAllDocuments(stdout)
      .map((document) => document.toJS())
      .filter((object) => object !== null);
  };
  // biome-ignore lint/suspicious/noExplicitAny: rendered objects of every kind
  const find = (objects: any[], kind: string, name = 'warren') =>
    objects.find((object) => object.kind === kind && object.metadata.name === name);

  it('passes helm lint', async () => {
    const { code, stdout } = await run(clientPath('helm'), ['lint', '--strict', join(root, 'charts', 'warren')]);
    assert.equal(code, 0, stdout);
  });

  it('grants what the kustomize base grants, which is what the operator uses', async () => {
    const [role] = parseAllDocuments(readFileSync(join(root, 'config/rbac/cluster-role.yaml'), 'utf8'));
    assert.deepEqual(find(await template(), 'ClusterRole').rules, role?.toJS().rules);
  });

  it('keeps to the namespaces that are to be watched', async () => {
    const objects = await template('watchNamespaces={one,two}');
    assert.deepEqual(
      find(objects, 'ClusterRole').rules.map(({ resources }: { resources: string[] }) => resources),
      [['nodes'], ['namespaces'], ['virtualclusterpolicies'], ['virtualclusterpolicies/status']],
    );
    const roles = objects.filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'warren');
    assert.deepEqual(
      roles.map(({ metadata }) => metadata.namespace),
      ['one', 'two'],
    );
  });

  const rows: Record<string, [sets: string[], fault: RegExp]> = {
    'a digest that is none': [['image.digest=sha256:1'], /image\/digest|image\.digest/],
    'a value that it does not know': [['replicas=2'], /replicas/],
    'a port out of range': [['nodePorts.first=80'], /nodePorts/],
  };
  for (const [title, [sets, fault]] of Object.entries(rows)) {
    it(`refuses ${title}`, async () => await assert.rejects(template(...sets), fault));
  }

  it('runs several replicas with a leader, apart from each other, and a disruption budget', async () => {
    const objects = await template('replicaCount=2');
    const { args } = find(objects, 'Deployment').spec.template.spec.containers[0];
    assert.ok(args.includes('--leader-elect'));
    assert.equal(find(objects, 'PodDisruptionBudget').spec.maxUnavailable, 1);
  });

  it('adds what Prometheus and Grafana read only when asked', async () => {
    const kinds = ['ServiceMonitor', 'PrometheusRule', 'ConfigMap'];
    const count = async (...sets: string[]) =>
      (await template(...sets)).filter(({ kind }) => kinds.includes(kind)).length;
    assert.equal(await count(), 0);
    assert.equal(
      await count(
        'metrics.serviceMonitor.enabled=true',
        'metrics.prometheusRule.enabled=true',
        'metrics.dashboard.enabled=true',
      ),
      3,
    );
  });

  it('names an image by its digest', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const [container] = find(await template(`image.digest=${digest}`), 'Deployment').spec.template.spec.containers;
    assert.match(container.image, new RegExp(`@${digest}$`));
  });
});

describe('the kustomize overlays', () => {
  for (const overlay of ['high-availability', 'monitoring']) {
    it(`of ${overlay} can be built`, async () => {
      const { code, stdout, stderr } = await run(clientPath('kubectl'), [
        'kustomize',
        join(root, 'config/overlays', overlay),
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /kind: Deployment/);
    });
  }
});
