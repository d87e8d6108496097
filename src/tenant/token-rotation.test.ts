import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import { parseJoinToken } from '../pki/join-token.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { bootstrapKey } from './bootstrap-data.ts';
import { readTenantConfig } from './config.ts';
import { loadIdentity, loadTokens } from './identity.ts';
import { shareIdentity } from './shared-identity.ts';
import { RotatingTokens } from './token-rotation.ts';

const root = mkdtempSync(join(tmpdir(), 'warren-rotation-'));
after(() => rmSync(root, { recursive: true, force: true }));

async function openCluster(name: string, flags: readonly string[] = []) {
  const backend = await openMemoryBackend();
  const config = readTenantConfig(['--data-dir', join(root, name), ...flags], {});
  await shareIdentity(config, backend, { isOwn: false, clock: systemClock });
  const { pki } = await loadIdentity(config, Date.now());
  const tokens = new RotatingTokens({ config, backend, pki, tokens: loadTokens(config, pki), logger: silentLogger });
  return { backend, config, pki, tokens };
}

describe('the rotation of a token', () => {
  it('brings the identity of the cluster under the new password, and nobody in by the old one', async () => {
    const { backend, config, pki, tokens } = await openCluster('a');
    const before = tokens.current.server;
    await tokens.rotate('fresh');
    assert.deepEqual([tokens.current.server, tokens.current.agent], ['fresh', 'fresh']);
    assert.equal(await backend.get(bootstrapKey(before)), undefined);
    assert.equal(parseJoinToken(readFileSync(join(config.dataDir, 'server/token'), 'utf8')).password, 'fresh');
    const second = readTenantConfig(['--data-dir', join(root, 'a2'), '--token', 'fresh'], {});
    await shareIdentity(second, backend, { isOwn: false, clock: systemClock });
    assert.equal((await loadIdentity(second, Date.now())).pki.server.certPem, pki.server.certPem);
    const late = readTenantConfig(['--data-dir', join(root, 'a3'), '--token', before], {});
    await assert.rejects(shareIdentity(late, backend, { isOwn: false, clock: systemClock }), /token/);
  });

  it('leaves a token of agents alone that is their own', async () => {
    const { tokens } = await openCluster('b', ['--agent-token', 'agents']);
    await tokens.rotate('fresh');
    assert.deepEqual([tokens.current.server, tokens.current.agent], ['fresh', 'agents']);
  });

  it('makes a password where none is given, one after the other', async () => {
    const { backend, tokens } = await openCluster('c');
    await Promise.all([tokens.rotate(''), tokens.rotate('')]);
    assert.match(tokens.current.server, /^[0-9a-f]{32}$/);
    assert.equal((await backend.list('/bootstrap/')).items.length, 1);
  });

  it('survives a start with what it has stored', async () => {
    const { config, pki, tokens, backend } = await openCluster('d');
    await tokens.rotate('fresh');
    await shareIdentity(config, backend, { isOwn: true, clock: systemClock });
    assert.equal(loadTokens(config, pki).full, tokens.current.full);
  });
});
