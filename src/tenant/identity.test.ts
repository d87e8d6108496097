import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createPkiFiles, type PkiFiles } from '../pki/bundle.ts';
import { DAY_MS } from '../pki/certificate.ts';
import { parseJoinToken } from '../pki/join-token.ts';
import { ConfigError, readTenantConfig } from './config.ts';
import { loadIdentity, loadServing, loadTokens } from './identity.ts';

const nowMs = Date.UTC(2030, 0, 1);
let folder: string;
let files: PkiFiles;
let dataDir: string;
let count = 0;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'warren-identity-'));
  files = await createPkiFiles(nowMs);
});
beforeEach(() => {
  dataDir = join(folder, String(count++));
});
after(() => rmSync(folder, { recursive: true }));

/** A folder as a mounted Secret gives it. */
function mount(names: readonly string[] = Object.keys(files)): string {
  const mounted = mkdtempSync(join(folder, 'pki-'));
  for (const name of names) writeFileSync(join(mounted, name), files[name] ?? '');
  return mounted;
}

const load = (pkiDir: string) => loadIdentity({ dataDir, pkiDir }, nowMs);

describe('the identity of a tenant', () => {
  it('is made once and kept', async () => {
    const first = await loadIdentity({ dataDir, pkiDir: undefined }, nowMs);
    const second = await loadIdentity({ dataDir, pkiDir: undefined }, nowMs + DAY_MS);
    assert.equal(second.pki.server.certPem, first.pki.server.certPem);
    assert.equal(statSync(join(dataDir, 'server/tls/server-ca.key')).mode & 0o777, 0o600);
  });

  it('comes from the folder that is given, which stays as it is', async () => {
    const { pki } = await load(mount());
    assert.equal(pki.server.certPem, files['server-ca.crt']);
  });

  it('is not made anew where a part is lost', async () => {
    await assert.rejects(load(mount(['server-ca.crt', 'server-ca.key'])), ConfigError);
    await assert.rejects(load(mount([])), /holds none of server-ca\.crt/);
  });

  it('is refused in one line where a file is broken or belongs to another', async () => {
    const broken: Record<string, string> = { 'client-ca.crt': 'junk', 'client-ca.key': files['server-ca.key'] ?? '' };
    for (const [name, text] of Object.entries(broken)) {
      const mounted = mount();
      writeFileSync(join(mounted, name), text);
      const told = (error: unknown): boolean =>
        error instanceof ConfigError && error.message.startsWith(`${mounted}: client-ca `) && !/\n/.test(error.message);
      await assert.rejects(load(mounted), told);
    }
  });
});

describe('the serving certificate', () => {
  const names = ['kubernetes', '127.0.0.1', '192.0.2.1'];
  const serve = async (wanted: readonly string[], atMs: number): Promise<X509Certificate> => {
    const { pki } = await load(mount());
    return new X509Certificate(loadServing({ dataDir }, pki, wanted, atMs).certPem);
  };

  it('holds all names, is signed by the authority and is kept', async () => {
    const first = await serve(names, nowMs);
    assert.equal(first.subjectAltName, 'DNS:kubernetes, IP Address:127.0.0.1, IP Address:192.0.2.1');
    assert.ok(first.checkIssued(new X509Certificate(files['server-ca.crt'] ?? '')));
    assert.equal((await serve(names, nowMs + 100 * DAY_MS)).serialNumber, first.serialNumber);
  });

  it('is made anew where a name is missing or its end is near', async () => {
    const first = await serve(names, nowMs);
    const second = await serve([...names, 'a.example'], nowMs);
    assert.notEqual(second.serialNumber, first.serialNumber);
    const third = await serve(names, nowMs + 300 * DAY_MS);
    assert.notEqual(third.serialNumber, second.serialNumber);
  });
});

describe('the join tokens', () => {
  const tokensOf = async (args: readonly string[]) => {
    const { pki } = await load(mount());
    return loadTokens(readTenantConfig(['--data-dir', dataDir, ...args], {}), pki);
  };
  const written = (name: string): string => readFileSync(join(dataDir, 'server', name), 'utf8');

  it('are made once and kept', async () => {
    const first = await tokensOf([]);
    assert.deepEqual(await tokensOf([]), first);
    assert.equal(written('token'), `${first.full}\n`);
    assert.equal(written('node-token'), `${first.full}\n`);
    assert.equal(first.agent, first.server);
  });

  it('come from the flags, in any form, and agents may have their own', async () => {
    const { server, agent, full } = await tokensOf(['--token', 'serverpw', '--agent-token', 'agentpw']);
    assert.deepEqual([server, agent], ['serverpw', 'agentpw']);
    assert.equal((await tokensOf(['--token', full])).server, 'serverpw');
    assert.deepEqual(parseJoinToken(written('agent-token')).user, 'node');
  });
});
