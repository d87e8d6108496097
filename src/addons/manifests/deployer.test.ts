import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client } from '../../client/client.ts';
import { Informers } from '../../client/informers.ts';
import { configmaps, events, namespaces } from '../../generated/resource-types.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { startMemoryServer, until } from '../../testing/memory-server.ts';
import { ensureDefinition } from '../custom-definition.ts';
import { addonDefinition, addons } from './addon.ts';
import { ManifestDeployer } from './deployer.ts';

const base = { clock: systemClock, logger: silentLogger };
const map = (name: string, value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: kube-system}\ndata: {value: "${value}"}\n`;

describe('the manifests of a folder', () => {
  const stop = new AbortController();
  const folder = mkdtempSync(join(tmpdir(), 'warren-deployer-'));
  const file = join(folder, 'app.yaml');
  let client: Client;
  let deployer: ManifestDeployer;
  let tick = 1;
  /** Files change within a millisecond here. */
  const write = (path: string, text: string): void => {
    writeFileSync(path, text);
    utimesSync(path, ++tick, tick);
  };
  const start = (disabled: string[] = []): ManifestDeployer =>
    new ManifestDeployer(
      { client, informers: new Informers({ client, ...base, signal: stop.signal }), ...base },
      { folder, disabled },
      stop.signal,
    );
  const mapNames = async (): Promise<string[]> =>
    (await client.list(configmaps, { namespace: 'kube-system' })).items
      .map(({ metadata }) => metadata?.name ?? '')
      .filter((name) => name.length === 1);
  const reasons = async (): Promise<string[]> =>
    (await client.list(events, { namespace: 'kube-system' })).items.map(({ reason = '' }) => reason);

  before(async () => {
    const server = await startMemoryServer(silentLogger, stop.signal);
    client = new Client(server.transportFor({ name: 'admin', groups: ['system:masters', 'system:authenticated'] }));
    for (const name of ['kube-system', 'default'])
      await client.create(namespaces, { metadata: { name }, spec: {} }).catch(() => undefined);
    await ensureDefinition(client, addonDefinition, { clock: systemClock, signal: stop.signal });
    deployer = start();
  });
  after(() => {
    stop.abort();
    rmSync(folder, { recursive: true });
  });

  it('are applied, each as an Addon that says what of it is applied', async () => {
    write(file, `${map('a', '1')}---\n${map('b', '1')}`);
    await deployer.sync();
    assert.deepEqual(await mapNames(), ['a', 'b']);
    const addon = await client.get(addons, { namespace: 'kube-system', name: 'app' });
    assert.equal(addon.spec?.source, file);
    assert.match(addon.spec?.checksum ?? '', /^[0-9a-f]{64}$/);
    assert.equal(addon.metadata.annotations?.['addon.k3s.cattle.io/gvks'], '/v1, Kind=ConfigMap');
    await until('both events', async () => {
      const seen = await reasons();
      return seen.includes('ApplyingManifest') && seen.includes('AppliedManifest');
    });
  });

  it('are left alone while they stay the same', async () => {
    const key = { namespace: 'kube-system', name: 'a' };
    await client.patch(configmaps, key, { data: { value: 'by hand' } }, { type: 'merge' });
    await deployer.sync();
    write(file, `${map('a', '1')}---\n${map('b', '1')}`);
    await deployer.sync();
    assert.equal((await client.get(configmaps, key)).data?.['value'], 'by hand');
    await start().sync();
    assert.equal((await client.get(configmaps, key)).data?.['value'], '1', 'another start puts things right');
  });

  it('take away what left the file', async () => {
    write(file, map('b', '2'));
    await deployer.sync();
    assert.deepEqual(await mapNames(), ['b']);
  });

  it('say what is wrong with them, and keep what is applied', async () => {
    const { spec } = await client.get(addons, { namespace: 'kube-system', name: 'app' });
    write(file, `${map('b', '3')}---\nkind: nothing\nmetadata: {`);
    await deployer.sync();
    await until('the event', async () => (await reasons()).includes('ParseManifestFailed'));
    write(file, `${map('c', '3')}---\napiVersion: example.com/v1\nkind: Missing\nmetadata: {name: x}\n`);
    await deployer.sync();
    await until('the event', async () => (await reasons()).includes('ApplyManifestFailed'));
    assert.deepEqual(await mapNames(), ['b', 'c'], 'nothing goes while something is refused');
    assert.deepEqual((await client.get(addons, { namespace: 'kube-system', name: 'app' })).spec, spec);
  });

  it('may define kinds and hold their objects', async () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        names: { kind: 'Thing', plural: 'things' },
        scope: 'Namespaced',
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    };
    const thing = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'first' } };
    write(join(folder, 'things.json'), JSON.stringify({ kind: 'List', items: [thing, definition] }));
    await deployer.sync();
    const things = { group: 'example.com', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true };
    assert.equal((await client.list(things as typeof addons, { namespace: 'default' })).items.length, 1);
  });

  it('go with their objects where they are disabled', async () => {
    write(file, map('b', '4'));
    await deployer.sync();
    await start(['app']).sync();
    assert.deepEqual([await mapNames(), existsSync(file)], [[], false]);
    await assert.rejects(client.get(addons, { namespace: 'kube-system', name: 'app' }), /not found/);
  });

  it('go where they are disabled though their files have gone before', async () => {
    write(file, map('d', '1'));
    await deployer.sync();
    rmSync(file);
    await start(['app']).sync();
    assert.deepEqual(await mapNames(), []);
  });
});
