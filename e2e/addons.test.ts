/** What a cluster gets from its server without asking: manifests of a folder, the bundled ones, and Helm charts. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from './program.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

const chart = `
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: web, namespace: default}
spec:
  repo: https://charts.example.com
  chart: web
  version: 1.2.3
  targetNamespace: default
  set: {replicas: 2}
`;
const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

describe('the add-ons of a server', () => {
  let server: WarrenServer;
  let folder: string;
  before(async () => {
    server = await startWarrenServer(
      ['--disable=metrics-server', '--disable=traefik', '--disable=unwanted'],
      (data) => {
        folder = join(data, 'server', 'manifests');
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'mine.yaml'), `${configMap('one')}---\n${configMap('two')}`);
        writeFileSync(join(folder, 'unwanted.yaml'), configMap('unwanted'));
      },
    );
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  it('are manifests of its folder, which kubectl lists as Addons', async () => {
    const text = await eventually(async () => {
      const found = await server.kubectl('get addons -A');
      assert.match(found, /mine +\S+mine\.yaml +[0-9a-f]{64}/);
      return found;
    });
    assert.match(text, /NAMESPACE +NAME +SOURCE +CHECKSUM/);
    assert.doesNotMatch(text, /coredns|unwanted/, 'nothing is deployed into a cluster without nodes');
    assert.match(await server.kubectl('get configmaps -o name'), /configmap\/one\nconfigmap\/two/);
    assert.match(await server.kubectl('get events -n kube-system'), /AppliedManifest +addon\/mine/);
  });

  it('serve charts soon after its start', async () => {
    await eventually(async () => {
      await server.kubectl('get helmcharts,helmchartconfigs -A');
    });
  });

  it('include, once a machine has joined, what was not disabled', async () => {
    await server.join('machine');
    await eventually(async () => {
      const found = await server.kubectl('get addons -n kube-system -o name');
      for (const name of ['coredns', 'local-storage', 'runtimes']) assert.match(found, new RegExp(`/${name}\n`));
      assert.doesNotMatch(found, /metrics|traefik/);
    });
    assert.match(await server.kubectl('get storageclass'), /local-path \(default\) +rancher\.io\/local-path/);
    assert.match(await server.kubectl('get runtimeclass -o name'), /nvidia/);
    await eventually(async () => {
      const hosts = await server.kubectl('get cm coredns -n kube-system -o jsonpath={.data.NodeHosts}');
      assert.equal(hosts, '192.0.2.1 machine\n');
    });
    const files = readdirSync(folder).toSorted();
    assert.deepEqual(files, ['coredns.yaml', 'local-storage.yaml', 'mine.yaml', 'runtimes.yaml']);
    assert.equal(statSync(join(folder, 'coredns.yaml')).mode & 0o777, 0o600);
  });

  it('are removed with their file where they are disabled', () => {
    assert.equal(existsSync(join(folder, 'unwanted.yaml')), false);
  });

  it('install charts by a Job with the arguments of Helm', async () => {
    await server.kubectl('apply -f -', { input: chart });
    await eventually(async () => {
      const job = await server.kubectl(
        'get job helm-install-web -o jsonpath={.spec.template.spec.containers[0].args},{.spec.suspend}',
      );
      assert.equal(job, '["install","--namespace","default","--version","1.2.3","--set","replicas=2"],false');
    });
    await eventually(async () => {
      const found = await server.kubectl('get hc web -o wide');
      assert.match(found, /https:\/\/charts\.example\.com +web +1\.2\.3 +default +False +helm-install-web/);
    });
    assert.match(await server.kubectl('describe hc web'), /ApplyJob.*web version 1\.2\.3 from chart repository/);
  });
});
