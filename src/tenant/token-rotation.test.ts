import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Backend } from '../datastore/backend.ts';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import type { Pki } from '../pki/bundle.ts';
import { parseJoinToken } from '../pki/join-token.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { bootstrapKey } from './bootstrap-data.ts';
import { readTenantConfig, type TenantConfig } from './config.ts';
import { loadIdentity, loadTokens } from './identity.ts';
import { shareIdentity } from './shared-identity.ts';
import { RotatingTokens } from './token-rotation.ts';

const root = mkdtempSync(join(tmpdir(), 'warren-rotation-'));
after(() => rmSync(root, { recursive: true, force: true }));

const rotating = (config: TenantConfig, backend: Backend, pki: Pki): RotatingTokens =>
  new RotatingTokens({
    config,
    backend,
    pki,
    tokens: loadTokens(config, pki),
    clock: systemClock,
    logger: silentLogger,
  });

/** Another server of the cluster, with a folder of its own. */
async function openReplica(name: string, { backend, tokens }: Awaited<ReturnType<typeof openCluster>>) {
  const config = readTenantConfig(['--data-dir', join(root, name), '--token', tokens.current.server], {});
  const after = await backend.currentRevision();
  await shareIdentity(config, backend, { isOwn: false, clock: systemClock });
  const { pki } = await loadIdentity(config, Date.now());
  const replica = rotating(config, backend, pki);
  return { config, tokens: replica, stop: replica.follow(after) };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

async function openCluster(name: string, flags: readonly string[] = []) {
  const backend = await openMemoryBackend();
  const config = readTenantConfig(['--data-dir', join(root, name), ...flags], {});
  await shareIdentity(config, backend, { isOwn: false, clock: systemClock });
  const { pki } = await loadIdentity(config, Date.now());
  const tokens = rotating(config, backend, pki);
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

  it('reaches the other servers at once, encrypted, and they may rotate next', async () => {
    const cluster = await openCluster('e', ['--agent-token', 'agents']);
    const second = await openReplica('e2', cluster);
    const third = await openReplica('e3', cluster);
    const stop = cluster.tokens.follow(await cluster.backend.currentRevision());
    await cluster.tokens.rotate('fresh');
    await settle();
    for (const { tokens } of [cluster, second, third])
      assert.deepEqual([tokens.current.server, tokens.current.agent], ['fresh', 'agents']);
    assert.match(readFileSync(join(second.config.dataDir, 'server/token'), 'utf8'), /::server:fresh\n$/);
    for (const { value } of (await cluster.backend.list('/')).items) assert.doesNotMatch(String(value), /fresh|agents/);
    await third.tokens.rotate('fresher');
    await settle();
    for (const { tokens } of [cluster, second, third]) assert.equal(tokens.current.server, 'fresher');
    assert.equal((await cluster.backend.list('/bootstrap/')).items.length, 1);
    for (const end of [stop, second.stop, third.stop]) end();
    await cluster.tokens.rotate('last');
    await settle();
    assert.equal(second.tokens.current.server, 'fresher');
  });

  it('does not bring back an old one to a server that starts with the newest', async () => {
    const cluster = await openCluster('f');
    await cluster.tokens.rotate('fresh');
    const second = await openReplica('f2', cluster);
    await settle();
    assert.equal(second.tokens.current.server, 'fresh');
    second.stop();
  });

  it('goes one way where two servers rotate at the same moment', async () => {
    const cluster = await openCluster('g');
    const second = await openReplica('g2', cluster);
    const stop = cluster.tokens.follow(await cluster.backend.currentRevision());
    const results = await Promise.allSettled([cluster.tokens.rotate('one'), second.tokens.rotate('two')]);
    await settle();
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(cluster.tokens.current.server, second.tokens.current.server);
    const { items } = await cluster.backend.list('/bootstrap/');
    assert.deepEqual(
      items.map(({ key }) => key),
      [bootstrapKey(cluster.tokens.current.server)],
    );
    stop();
    second.stop();
  });

  it('survives a start with what it has stored', async () => {
    const { config, pki, tokens, backend } = await openCluster('d');
    await tokens.rotate('fresh');
    await shareIdentity(config, backend, { isOwn: true, clock: systemClock });
    assert.equal(loadTokens(config, pki).full, tokens.current.full);
  });
});
