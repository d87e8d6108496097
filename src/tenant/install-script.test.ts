import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { installScript } from './install-script.ts';

const TOKEN = `K10${'a'.repeat(64)}::abcdef.0123456789abcdef`;

/** A machine below a folder, whose programs are doubles: curl has the tenant's files, supervisors write down what they are told. */
describe('the script that installs k3s', () => {
  const state = { root: '' };
  const at = (path: string): string => join(state.root, path);
  const read = (path: string): string => readFileSync(at(path), 'utf8');
  const program = (path: string, text: string): void => {
    writeFileSync(at(path), `#!/bin/sh\n${text}\n`);
    chmodSync(at(path), 0o755);
  };
  beforeEach(() => {
    state.root = mkdtempSync(join(tmpdir(), 'warren-install-'));
    for (const folder of ['bin', 'sbin', 'tenant', 'etc/systemd/system', 'etc/init.d', 'etc/logrotate.d', 'log'])
      mkdirSync(at(folder), { recursive: true });
    writeFileSync(at('tenant/cacerts'), 'authority');
    program('tenant/k3s', 'echo "k3s version v1.36.2+k3s1 (double)"; echo "go"');
    writeFileSync(at('tenant/registries.sh'), `echo registries >> ${at('log/told')}\n`);
    program(
      'bin/curl',
      `for each in "$@"; do case "$each" in https://*) path=$each ;; esac; [ "$last" = -o ] && out=$each; last=$each; done
[ -e "${at('tenant')}/\${path##*/}" ] || { echo 'curl: (22) 404' >&2; exit 22; }
cat "${at('tenant')}/\${path##*/}" > "$out"`,
    );
    for (const name of ['systemctl', 'rc-update', 'rc-service'])
      program(`bin/${name}`, `echo "${name} $*" >> ${at('log/told')}`);
  });
  afterEach(() => rmSync(state.root, { recursive: true, force: true }));

  const run = (args: readonly string[] = [], env: Record<string, string> = {}): { code: number; output: string } => {
    const script = installScript
      .replace('[ "$(id -u)" -eq 0 ]', 'true')
      .replace('[ -x /sbin/openrc-run ]', `[ -x ${at('sbin/openrc-run')} ]`)
      .replace('"$(uname -m)"', 'x86_64')
      .replaceAll(/\/(etc|var\/lib|sys\/fs|opt)\//g, (path) => at(path))
      .replace(/if ! grep -qs memory[\s\S]*?\n {2}fi\n/, '')
      .replace('K10\\([0-9a-f]', 'NOT-PINNED\\([0-9a-f]');
    const vars = {
      PATH: `${at('bin')}:${process.env['PATH']}`,
      K3S_URL: 'https://192.0.2.1:30443',
      K3S_TOKEN: TOKEN,
      INSTALL_K3S_BIN_DIR: at('usr/local/bin'),
      ...env,
    };
    try {
      const output = execFileSync('sh', ['-s', '-', ...args], {
        input: script,
        env: vars,
        encoding: 'utf8',
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      return { code: 0, output };
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      return { code: status, output: stderr };
    }
  };

  it('leaves the program, its links, its service and the scripts that take it away', () => {
    const { code, output } = run(['--node-label', "place=it's %h", '--with-node-id'], { K3S_NODE_NAME: 'attic' });
    assert.equal(code, 0, output);
    assert.match(output, /^k3s: k3s version v1\.36\.2\+k3s1 \(double\) is in /m);
    for (const name of ['k3s', 'k3s-killall.sh', 'k3s-agent-uninstall.sh'])
      assert.equal(statSync(at(`usr/local/bin/${name}`)).mode & 0o777, 0o755, name);
    const unit = read('etc/systemd/system/k3s-agent.service');
    const start = `ExecStart=${at('usr/local/bin/k3s')} agent '--node-label' 'place=it'\\''s %%h' '--with-node-id'\n`;
    assert.ok(unit.includes(start), unit);
    assert.match(unit, /^LimitNPROC=infinity$/m);
    const file = 'etc/systemd/system/k3s-agent.service.env';
    assert.equal(statSync(at(file)).mode & 0o777, 0o600);
    const environment = read(file);
    assert.match(environment, /^K3S_NODE_NAME=['"]attic['"]$/m);
    assert.ok(!environment.includes('INSTALL_'));
    assert.deepEqual(read('log/told').trim().split('\n'), [
      'registries',
      'systemctl daemon-reload',
      'systemctl enable k3s-agent',
      'systemctl restart --no-block k3s-agent',
    ]);
  });

  it('knows OpenRC', () => {
    program('sbin/openrc-run', '');
    const { code, output } = run(['--node-label', 'a="b" $c']);
    assert.equal(code, 0, output);
    assert.ok(read('etc/init.d/k3s-agent').includes(`command_args="agent '--node-label' 'a=\\"b\\" \\$c'"\n`));
    assert.ok(existsSync(at('etc/rancher/k3s/k3s-agent.env')));
    assert.match(read('log/told'), /rc-update add k3s-agent default\nrc-service k3s-agent restart\n$/);
  });

  it('brings the images along', () => {
    writeFileSync(at('tenant/k3s-airgap-images-amd64.tar.gz'), 'images');
    assert.equal(run().code, 0);
    assert.equal(read('var/lib/rancher/k3s/agent/images/k3s-airgap-images-amd64.tar.gz'), 'images');
  });

  it('installs nothing that is damaged', () => {
    writeFileSync(at('tenant/sha256sum-amd64.txt'), `${'0'.repeat(64)}  k3s\n`);
    const { code, output } = run();
    assert.equal(code, 1);
    assert.match(output, /k3s is damaged: its checksum is another one/);
    assert.ok(!existsSync(at('usr/local/bin/k3s')));
  });

  it('says that the tenant has no k3s', () => {
    rmSync(at('tenant/k3s'));
    const { code, output } = run();
    assert.equal(code, 1);
    assert.match(output, /the tenant has no k3s for machines: curl: \(22\) 404/);
  });

  it('starts nothing where it shall not', () => {
    assert.equal(run([], { INSTALL_K3S_SKIP_START: 'true' }).code, 0);
    assert.ok(!read('log/told').includes('restart'));
  });
});
