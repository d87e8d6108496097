import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { toCloudInit, toScript, toSystemdUnit } from './join-forms.ts';

const hash = 'a'.repeat(64);
const parts = {
  url: 'https://192.0.2.1:30443',
  token: `K10${hash}::abcdef.0123456789abcdef`,
  version: 'v1.36.2+k3s1',
  registries: {},
};
const content = "mirrors:\n  docker.io:\n    rewrite:\n      ^it's/(.*): $1\n";
const withRegistries = { ...parts, registries: { '/etc/rancher/k3s/registries.yaml': content } };

describe('what a machine joins with', () => {
  it('is a script that a shell takes, with a configuration of the agent that others cannot read', () => {
    const script = toScript(parts);
    execFileSync('sh', ['-n'], { input: script });
    const config = parse(/<<'END'\n([\s\S]*)END/.exec(script)?.[1] ?? '');
    assert.deepEqual(config, { server: parts.url, token: parts.token });
    assert.match(script, /umask 077[\s\S]*INSTALL_K3S_VERSION='v1\.36\.2\+k3s1'/);
  });

  it('is user data of cloud-init', () => {
    const text = toCloudInit(parts);
    assert.ok(text.startsWith('#cloud-config\n'));
    const { write_files: files, runcmd } = parse(text);
    assert.deepEqual([files[0].path, files[0].permissions], ['/etc/rancher/k3s/config.yaml', '0600']);
    assert.deepEqual(parse(files[0].content), { server: parts.url, token: parts.token });
    assert.match(runcmd[0][2], /INSTALL_K3S_VERSION='v1\.36\.2\+k3s1' INSTALL_K3S_EXEC=agent sh -$/);
  });

  it('is a unit of systemd', () => {
    const unit = toSystemdUnit(parts);
    assert.match(unit, /^Environment=K3S_URL=https:\/\/192\.0\.2\.1:30443$/m);
    assert.match(unit, new RegExp(`^Environment=K3S_TOKEN=${parts.token}$`, 'm'));
    assert.match(unit, /^ExecStart=\/usr\/local\/bin\/k3s agent$/m);
    assert.match(unit, /^KillMode=process$[\s\S]*^Delegate=yes$[\s\S]*^LimitNPROC=infinity$/m);
    assert.ok(!unit.includes('registries'));
  });

  it('brings the registries along', () => {
    const script = toScript(withRegistries);
    execFileSync('sh', ['-n'], { input: script });
    assert.ok(script.includes(`put '/etc/rancher/k3s/registries.yaml' <<'END'\n${content}END\n`));
    const { write_files: files } = parse(toCloudInit(withRegistries));
    assert.deepEqual(files[1], {
      path: '/etc/rancher/k3s/registries.yaml',
      permissions: '0600',
      owner: 'root:root',
      content,
    });
  });

  it('reads them before each start of the unit, whose quotes systemd and the shell take', () => {
    const unit = toSystemdUnit(withRegistries);
    const quoted = /^ExecStartPre=-\/bin\/sh -c "(.*)"$/m.exec(unit)?.[1] ?? '';
    assert.match(quoted, /\/v1-warren\/registries\.sh' 2> \/dev\/null/);
    const command = quoted.replaceAll('$$', '$').replaceAll('%%', '%').replaceAll('\\"', '"');
    assert.match(command, /d=\$\(mktemp -d\)/);
    execFileSync('sh', ['-n'], { input: command });
  });
});
