import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testBackend } from '../backend.conformance.ts';
import type { LogEvent } from '../backend.ts';
import { openMemoryBackend } from '../memory/memory-backend.ts';
import { type EncryptionRule, encrypted } from './encrypted-backend.ts';
import { type Cipher, createProvider, identity } from './provider.ts';
import { openSecretbox, sealSecretbox } from './secretbox.ts';

const key = (byte: number): Buffer => Buffer.alloc(32, byte);
const prefixes = ['/registry/'];

testBackend('encrypted', async () =>
  encrypted(await openMemoryBackend(), [{ prefixes, providers: [createProvider('aesgcm', 'k', key(1))] }]),
);

describe('encryption at rest', () => {
  it('knows which values would be kept in another form today', async () => {
    await using store = await openMemoryBackend();
    const [old, fresh] = [createProvider('aescbc', 'k1', key(1)), createProvider('secretbox', 'k2', key(2))];
    const source = { current: [{ prefixes, providers: [identity, old] as const }] as readonly EncryptionRule[] };
    const backend = encrypted(store, source);
    const name = '/registry/secrets/a';
    let revision = await backend.create(name, Buffer.from('one'));
    const stale = async (): Promise<boolean> => (await backend.isStale?.(name)) ?? false;
    assert.equal(await stale(), false);
    for (const providers of [
      [old, identity],
      [fresh, old, identity],
      [identity, fresh],
    ] as const) {
      source.current = [{ prefixes, providers }];
      assert.equal(await stale(), true);
      revision = await backend.update(name, Buffer.from('one'), revision);
      assert.equal(await stale(), false);
    }
    source.current = [];
    assert.equal(await stale(), false);
    assert.equal(await backend.isStale?.('/registry/secrets/none'), false);
  });

  for (const cipher of ['aescbc', 'aesgcm', 'secretbox'] as const satisfies readonly Cipher[]) {
    it(`keeps values by ${cipher}, and tells them plain in reads, lists and events`, async () => {
      await using store = await openMemoryBackend();
      const provider = createProvider(cipher, 'key1', key(1));
      const backend = encrypted(store, [{ prefixes: ['/registry/secrets/'], providers: [provider, identity] }]);
      const events: LogEvent[] = [];
      await backend.subscribe(0n, { events: (more) => void events.push(...more), failed: assert.fail });
      const first = await backend.create('/registry/secrets/a', Buffer.from('one'));
      await backend.update('/registry/secrets/a', Buffer.from('two'), first);
      await backend.create('/registry/pods/a', Buffer.from('pod'));
      const stored = (await store.get('/registry/secrets/a'))?.value ?? Buffer.alloc(0);
      assert.match(stored.toString('latin1'), new RegExp(`^k8s:enc:${cipher}:v1:key1:`));
      assert.ok(!stored.includes('two'));
      assert.equal((await store.get('/registry/pods/a'))?.value.toString(), 'pod');
      assert.equal((await backend.list('/registry/secrets/')).items[0]?.value.toString(), 'two');
      assert.deepEqual(
        events.map(({ value, previousValue }) => [value.toString(), previousValue?.toString()]),
        [
          ['one', undefined],
          ['two', 'one'],
          ['pod', undefined],
        ],
      );
    });
  }

  it('reads what older keys and no key have written, and writes with the first', async () => {
    await using store = await openMemoryBackend();
    const [old, next] = [createProvider('aescbc', 'old', key(1)), createProvider('secretbox', 'new', key(2))];
    const before = encrypted(store, [{ prefixes, providers: [old] }]);
    const revision = await before.create('/registry/a', Buffer.from('a'));
    await store.create('/registry/b', Buffer.from('b'));
    const after = encrypted(store, [{ prefixes, providers: [next, old, identity] }]);
    const { items } = await after.list('/registry/');
    assert.deepEqual(
      items.map(({ value }) => value.toString()),
      ['a', 'b'],
    );
    await after.update('/registry/a', Buffer.from('a'), revision);
    assert.match((await store.get('/registry/a'))?.value.toString('latin1') ?? '', /^k8s:enc:secretbox:v1:new:/);
  });

  it('hands on what nobody can open, for the reader to tell', async () => {
    await using store = await openMemoryBackend();
    await encrypted(store, [{ prefixes, providers: [createProvider('aesgcm', 'k', key(1))] }]).create(
      '/registry/a',
      Buffer.from('a'),
    );
    const other = encrypted(store, [{ prefixes, providers: [createProvider('aesgcm', 'k', key(2))] }]);
    assert.match((await other.get('/registry/a'))?.value.toString('latin1') ?? '', /^k8s:enc:aesgcm:v1:k:/);
  });
});

describe('secretbox', () => {
  // The example of NaCl's own tests (secretbox.c and secretbox2.c).
  const firstKey = Buffer.from('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389', 'hex');
  const nonce = Buffer.from('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37', 'hex');
  const message = Buffer.from(
    'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
    'hex',
  );
  const box =
    'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5';

  it("is NaCl's", () => {
    assert.equal(sealSecretbox(message, nonce, firstKey).toString('hex'), box);
    assert.deepEqual(openSecretbox(Buffer.from(box, 'hex'), nonce, firstKey), message);
  });

  it('does not open with another key', () => {
    assert.throws(() => openSecretbox(Buffer.from(box, 'hex'), nonce, key(1)), /does not open/);
  });
});
