import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { toCloudInit, toOfflineLine, toScript, toSystemdUnit } from './join-forms.ts';

const hash = 'a'.repeat(64);
const parts = { url: 'https://192.0.2.1:30443', token: `K10${hash}::abcdef.0123456789abcdef`, version: 'v1.36.2+k3s1' };

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
  });

  const users: Record<string, [token: string, user: string]> = {
    'with a bootstrap token': [parts.token, 'node:abcdef.0123456789abcdef'],
    'with the token of the cluster': [`K10${hash}::server:pass`, 'server:pass'],
  };
  for (const [title, [token, user]] of Object.entries(users)) {
    it(`is a line that checks the authority before it believes anything, ${title}`, () => {
      const line = toOfflineLine({ ...parts, token });
      execFileSync('sh', ['-n'], { input: line });
      assert.match(line, new RegExp(`echo "${hash}  \\$ca" \\| sha256sum -c`));
      assert.ok(line.includes(`--cacert "$ca" -u '${user}' 'https://192.0.2.1:30443/v1-warren/install.sh'`));
    });
  }
});
