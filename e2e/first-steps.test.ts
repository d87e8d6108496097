/** What the README tells a newcomer, typed by a program: warren up, kubectl, helm, every example. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { clientFor, run } from './clients.ts';
import { eventually, WARREN } from './program.ts';
import { startWarrenUp, type WarrenUp } from './warren-up.ts';

const root = join(import.meta.dirname, '..');
const node = process.execPath;

describe('warren up', () => {
  let host: WarrenUp;
  before(async () => {
    host = await startWarrenUp();
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
  });

  it('ends with a tenant that is ready, and tells how long that took', async () => {
    assert.match(
      host.output(),
      /tenant demo is ready at https:\/\/[\d.]+:\d+: \d+ ms from its creation to its \/readyz/,
    );
    assert.match(
      await host.kubectl(['get', 'vc']),
      /NAME +VERSION +STATUS +NODES +ENDPOINT +DATASTORE +AGE\s+demo +v1\.36\S+ +Ready +0\/0 +https:\S+ +SQLite /,
    );
  });

  it('gives a kubeconfig with which kubectl lists the four namespaces', async () => {
    const path = join(host.folder, 'demo.kubeconfig');
    writeFileSync(path, await host.warren(['kubeconfig', 'demo']));
    const names = await clientFor('kubectl', path)(['get', 'ns', '-o', 'name']);
    assert.deepEqual(
      names.trim().split('\n'),
      ['default', 'kube-node-lease', 'kube-public', 'kube-system'].map((name) => `namespace/${name}`),
    );
  });

  it('prints one pinned line that joins a machine', async () => {
    assert.match(
      await host.warren(['join', 'demo']),
      /^curl -sfL https:\/\/get\.k3s\.io \| INSTALL_K3S_VERSION='v1\.\d+\.\d+\+k3s\d' K3S_URL='https:\S+' K3S_TOKEN='K10[0-9a-f]{64}::server:[0-9a-f]{32}' sh -s - agent\n$/,
    );
  });

  it('refuses pods that its node cannot run, and says so in an event', async () => {
    await host.kubectl(['run', 'stranger', '--image=nginx', '--restart=Never']);
    await eventually(async () => assert.match(await host.kubectl(['get', 'pod', 'stranger']), /NotRunnable/));
    assert.match(
      await host.kubectl(['get', 'events', '--field-selector', 'involvedObject.name=stranger']),
      /This node does not run the pod.*nginx/,
    );
    await host.kubectl(['delete', 'pod', 'stranger']);
  });

  it("shows a tenant's log through kubectl", async () => {
    assert.match(await host.kubectl(['logs', 'deploy/demo-server']), /ready at https/);
  });

  it('makes, shows and deletes further tenants by command', async () => {
    assert.match(await host.warren(['create', 'second', '--retain']), /second is ready/);
    assert.match(await host.warren(['list']), /second +v1\.36\S+ +Ready/);
    assert.equal(JSON.parse(await host.warren(['get', 'second', '-o', 'json'])).spec.deletionPolicy, 'Retain');
    assert.match(await host.warren(['delete', 'second']), /deleted/);
    assert.match(await host.kubectl(['get', 'secrets', '-o', 'name']), /second-pki/);
    assert.doesNotMatch(await host.kubectl(['get', 'deployments', '-o', 'name']), /second/);
  });

  it('replaces the pod of a tenant whose process died, and keeps its data', async () => {
    const path = join(host.folder, 'demo.kubeconfig');
    const tenant = clientFor('kubectl', path);
    await tenant(['create', 'configmap', 'kept', '--from-literal=a=b']);
    await host.kubectl(['delete', 'pod', '-l', 'warren.dev/virtualcluster=demo']);
    const text = await eventually(async () => await tenant(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}']));
    assert.equal(text, 'b');
  });

  it('takes every example of VirtualClusters', async () => {
    for (const example of readdirSync(join(root, 'examples'))) {
      if (example !== 'workload') await host.kubectl(['apply', '-f', join(root, 'examples', example)]);
    }
    for (const name of ['minimal', 'edge', 'retained', 'office', 'hardened']) {
      await host.kubectl(['wait', `vc/${name}`, '--for=condition=Ready', '--timeout=60s']);
    }
    await host.kubectl(['wait', 'vc/database', '--for=condition=DatastoreReady', '--timeout=60s']);
    const reason = await eventually(async () => {
      const text = await host.kubectl([
        'get',
        'vc',
        'balanced',
        '-o',
        'jsonpath={.status.conditions[?(@.type=="EndpointReachable")].reason}',
      ]);
      assert.notEqual(text, '');
      return text;
    });
    assert.equal(reason, 'NoAddress');
    const path = join(host.folder, 'hardened.kubeconfig');
    await host.warren(['kubeconfig', 'hardened', '-f', path]);
    const refusal = clientFor('kubectl', path)(['run', 'loose', '--image=nginx']);
    await assert.rejects(refusal, /violates PodSecurity "restricted:latest"/);
    await host.kubectl(['delete', 'vc', '--all', '--timeout=60s']);
  });

  it('takes the example workload in a tenant', async () => {
    await host.warren(['create', 'busy']);
    const path = join(host.folder, 'busy.kubeconfig');
    await host.warren(['kubeconfig', 'busy', '-f', path]);
    const tenant = clientFor('kubectl', path);
    await tenant(['apply', '-f', join(root, 'examples', 'workload')]);
    await eventually(async () => assert.match(await tenant(['get', 'pods']), /web-\S+ +0\/1 +Pending/));
    assert.match(await tenant(['get', 'events']), /no nodes available to schedule pods/);
  });

  it('installs and upgrades the chart', async () => {
    const chart = join(root, 'charts', 'warren');
    await host.helm([
      'install',
      'warren',
      chart,
      '-n',
      'warren-system',
      '--create-namespace',
      '--set',
      'crds.install=false',
    ]);
    await host.helm([
      'upgrade',
      'warren',
      chart,
      '-n',
      'warren-system',
      '--set',
      'crds.install=false',
      '--set',
      'logging.level=debug',
    ]);
    assert.match(await host.helm(['list', '-n', 'warren-system']), /warren\s+warren-system\s+2\s+.*deployed/);
    assert.match(
      await host.kubectl([
        '-n',
        'warren-system',
        'get',
        'deploy',
        'warren',
        '-o',
        'jsonpath={.spec.template.spec.containers[0].args}',
      ]),
      /--log-level=debug/,
    );
    await host.helm(['uninstall', 'warren', '-n', 'warren-system']);
  });

  it('takes the kustomize base', async () => {
    await host.kubectl(['apply', '-k', join(root, 'config', 'default')]);
    assert.match(
      await host.kubectl([
        'auth',
        'can-i',
        'create',
        'deployments',
        '--as',
        'system:serviceaccount:warren-system:warren-operator',
        '-n',
        'default',
      ]),
      /yes/,
    );
    await assert.rejects(
      host.kubectl([
        'auth',
        'can-i',
        'create',
        'pods',
        '--as',
        'system:serviceaccount:warren-system:warren-operator',
        '-n',
        'default',
      ]),
    );
  });

  it('refuses a VirtualCluster that is wrong, and names each fault', async () => {
    const object = {
      apiVersion: 'warren.dev/v1alpha1',
      kind: 'VirtualCluster',
      metadata: { name: 'wrong' },
      spec: { replicas: -1, exposure: { type: 'Odd' } },
    };
    await assert.rejects(
      host.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) }),
      /spec\.exposure\.type: Unsupported value.*[\s\S]*spec\.replicas: Invalid value/,
    );
  });

  it('stops cleanly and comes back with the same tenants and the same certificates', async () => {
    const before = await host.kubectl(['get', 'secret', 'busy-pki', '-o', 'jsonpath={.data}']);
    assert.equal(await host.stop(), 0);
    assert.match(host.output(), /stopped; "warren up" goes on from here/);
    await using again = await startWarrenUp({ folder: host.folder });
    assert.equal(await again.kubectl(['get', 'secret', 'busy-pki', '-o', 'jsonpath={.data}']), before);
    await again.kubectl(['wait', 'vc/busy', '--for=condition=Ready', '--timeout=60s']);
    const endpoint = await again.kubectl(['get', 'vc', 'busy', '-o', 'jsonpath={.status.endpoint}']);
    const tenant = clientFor('kubectl', join(host.folder, 'busy.kubeconfig'));
    assert.match(await eventually(async () => await tenant(['get', 'deploy', 'web'])), /web +0\/2/);
    assert.match(endpoint, /^https:/);
  });
});

describe('warren up that cannot start', () => {
  it('says in one line that the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { status, stderr } = spawnSync(
      node,
      [WARREN, 'up', '--port', String(port), '--data-dir', `/tmp/warren-taken-${process.pid}`],
      { encoding: 'utf8' },
    );
    server.close();
    assert.notEqual(status, 0);
    assert.match(
      stderr,
      /^warren: port \d+ on 127\.0\.0\.1 is taken by another program; choose another one with --port\n$/,
    );
  });

  it('says in one line that the folder cannot be written', async () => {
    const { code, stderr } = await run(node, [WARREN, 'up', '--data-dir', '/dev/null/warren']);
    assert.notEqual(code, 0);
    assert.match(
      stderr,
      /^warren: \/dev\/null\/warren cannot be written: .*; choose another folder with --data-dir\n$/,
    );
  });

  it('prints help for every command', async () => {
    for (const command of [
      'up',
      'create',
      'list',
      'get',
      'kubeconfig',
      'join',
      'delete',
      'server',
      'operator',
      'completion',
    ]) {
      const { code, stdout } = await run(node, [WARREN, command, '--help']);
      assert.equal(code, 0, command);
      assert.match(stdout, new RegExp(`Usage: warren ${command}`), command);
    }
  });

  it('prints completion scripts that shells accept', async () => {
    const { stdout } = await run(node, [WARREN, 'completion', 'bash']);
    assert.equal((await run('bash', ['-n'], { input: stdout })).code, 0);
  });
});
