import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type MachineFiles, parseMachineFiles, REGISTRIES_MARK, toRegistriesScript } from './registry-files.ts';

describe('the script of registries', () => {
  const state = { root: '' };
  beforeEach(() => {
    state.root = mkdtempSync(join(tmpdir(), 'warren-registries-'));
  });
  afterEach(() => rmSync(state.root, { recursive: true, force: true }));

  const at = (path: string): string => join(state.root, path);
  /** Everything of the machine lies below a folder; nobody is asked whether he is root, or to start anything again. */
  const run = (files: MachineFiles): string => {
    const script = toRegistriesScript(files)
      .replaceAll('/etc/rancher', at('etc/rancher'))
      .replace(/^\[ "\$\(id -u\)".*$/m, '')
      .replace('command -v systemctl', 'false')
      .replace('command -v rc-service', 'false');
    return execFileSync('sh', [], { input: script, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
  };
  const own = 'etc/rancher/k3s/registries.yaml';
  const folder = 'etc/rancher/k3s/warren-registries';
  const text = `${REGISTRIES_MARK}\nmirrors:\n  "*": {}\n`;
  const full: MachineFiles = {
    '/etc/rancher/k3s/registries.yaml': text,
    '/etc/rancher/k3s/warren-registries/a_5000.ca.crt': "it's $HOME `x`\nEND\n",
    '/etc/rancher/k3s/warren-registries/b.ca.crt': 'no last line end',
  };

  it('writes files as they are, for root only', () => {
    assert.match(run(full), /is written\nk3s takes it up when it starts again\n$/);
    assert.equal(readFileSync(at(own), 'utf8'), text);
    assert.equal(statSync(at(own)).mode & 0o777, 0o600);
    assert.equal(readFileSync(at(`${folder}/a_5000.ca.crt`), 'utf8'), "it's $HOME `x`\nEND\n");
    assert.equal(readFileSync(at(`${folder}/b.ca.crt`), 'utf8'), 'no last line end\n');
  });

  it('does nothing the second time', () => {
    run(full);
    assert.equal(run(full), 'registries: nothing has changed\n');
  });

  it('takes certificates away that are not named any more', () => {
    run(full);
    assert.match(run({ '/etc/rancher/k3s/registries.yaml': text }), /is written/);
    assert.deepEqual(readdirSync(at(folder)), []);
  });

  it('takes all of it away where nothing is wished any more', () => {
    run(full);
    assert.match(run({}), /is gone/);
    assert.ok(!existsSync(at(own)));
    assert.equal(run({}), 'registries: nothing has changed\n');
  });

  it('keeps what somebody else has written', () => {
    mkdirSync(at('etc/rancher/k3s'), { recursive: true });
    writeFileSync(at(own), 'mirrors: {}\n');
    assert.equal(run({}), 'registries: nothing has changed\n');
    run(full);
    assert.equal(readFileSync(at(`${own}.before`), 'utf8'), 'mirrors: {}\n');
    assert.equal(readFileSync(at(own), 'utf8'), text);
  });
});

describe('parseMachineFiles', () => {
  it('takes nothing for no files', () => assert.deepEqual(parseMachineFiles('\n'), {}));
  for (const bad of ['[]', '{"a": "b"}', '{"/a": 1}', 'null'])
    it(`refuses ${bad}`, () => assert.throws(() => parseMachineFiles(bad), /an object of texts by path/));
});
