import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseApiServerFlags } from '../apiserver/flags.ts';
import { parseControllerFlags } from '../controllers/flags.ts';
import { readComponentOptions } from './component-options.ts';

const folder = mkdtempSync(join(tmpdir(), 'warren-admission-'));
after(() => rmSync(folder, { recursive: true }));

function configuration(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return `admission-control-config-file=${file}`;
}

describe('readComponentOptions', () => {
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
    const { admissionPlugins, anonymous } = await readComponentOptions({ apiServerFlags: flags });
    assert.equal(anonymous, false);
    assert.deepEqual(admissionPlugins?.enable, ['AlwaysPullImages']);
    assert.equal(admissionPlugins?.configurations?.podSecurity?.defaults.enforce.level, 'baseline');
  });

  it('names the file that cannot be used', async () => {
    const flags = parseApiServerFlags([configuration('wrong.yaml', 'kind: Pod')]);
    await assert.rejects(
      readComponentOptions({ apiServerFlags: flags }),
      /^ConfigError: --kube-apiserver-arg admission-control-config-file=.*wrong\.yaml cannot be used: it is {2}Pod, and must be /,
    );
  });

  it('hands settings of controllers on, and the names of those that are off', async () => {
    const controllerFlags = parseControllerFlags(['node-monitor-grace-period=2m', 'controllers=*,-cronjob-controller']);
    const { controllerSettings, disabledControllers } = await readComponentOptions({ controllerFlags });
    assert.deepEqual(controllerSettings, { nodeMonitorGracePeriodMs: 120_000 });
    assert.deepEqual(disabledControllers, ['cronjob-controller']);
  });

  it('refuses controllers that nobody knows, and names those that are there', async () => {
    const controllerFlags = parseControllerFlags(['controllers=*,-cronjobs']);
    await assert.rejects(
      readComponentOptions({ controllerFlags }),
      /^ConfigError: --kube-controller-manager-arg controllers: "cronjobs" is not in the list of known controllers: there are serviceaccount-controller, /,
    );
  });
});
