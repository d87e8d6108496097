import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseApiServerFlags } from '../apiserver/flags.ts';
import { readApiServerOptions } from './api-server-arguments.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-admission-'));
after(() => rmSync(folder, { recursive: true }));

function configuration(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return `admission-control-config-file=${file}`;
}

describe('readApiServerOptions', () => {
  it('reads the file of plugins, and those beside it that it names', async () => {
    configuration(
      'security.yaml',
      `apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults: { enforce: baseline }`,
    );
    const file = configuration(
      'admission.yaml',
      `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins: [{ name: PodSecurity, path: security.yaml }]`,
    );
    const flags = parseApiServerFlags(['enable-admission-plugins=AlwaysPullImages', 'anonymous-auth=false', file]);
    const { admissionPlugins, anonymous } = await readApiServerOptions(flags);
    assert.equal(anonymous, false);
    assert.deepEqual(admissionPlugins?.enable, ['AlwaysPullImages']);
    assert.equal(admissionPlugins?.configurations?.podSecurity?.defaults.enforce.level, 'baseline');
  });

  it('names the file that cannot be used', async () => {
    const flags = parseApiServerFlags([configuration('wrong.yaml', 'kind: Pod')]);
    await assert.rejects(
      readApiServerOptions(flags),
      /^ConfigError: --kube-apiserver-arg admission-control-config-file=.*wrong\.yaml cannot be used: it is {2}Pod, and must be /,
    );
  });
});
