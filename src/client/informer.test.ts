import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap } from '../generated/api/core/v1.ts';
import { configmaps } from '../generated/resource-types.ts';
import { expired } from '../machinery/errors/status-error.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { Client } from './client.ts';
import { Informers } from './informers.ts';
import type { Transport } from './transport.ts';

function configMap(name: string, value = 'a', namespace = 'default'): ConfigMap {
  return { metadata: { name, namespace }, data: { value } };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

function open(): { server: FakeTransport; informers: Informers; stop: () => Promise<void> } {
  const server = new FakeTransport();
  const controller = new AbortController();
  const informers = new Informers({
    client: server.client,
    clock: systemClock,
    logger: silentLogger,
    signal: controller.signal,
  });
  const stop = (): Promise<void> => {
    controller.abort();
    return informers.ended();
  };
  return { server, informers, stop };
}

describe('Informer', () => {
  it('keeps the part of an object that it is told to, and objects of others as they are', async () => {
    const frozen = Object.freeze({
      metadata: Object.freeze({ name: 'two', resourceVersion: '2' }),
      data: Object.freeze({}),
    });
    const one = { metadata: { name: 'one', resourceVersion: '1' }, data: { value: 'a' } };
    const transport: Transport = {
      request: async () => ({ metadata: { resourceVersion: '2' }, items: [one, frozen] }),
      watch: ({ signal }) =>
        (async function* () {
          await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        })(),
    };
    const stop = new AbortController();
    const informers = new Informers({
      client: new Client(transport),
      clock: systemClock,
      logger: silentLogger,
      signal: stop.signal,
      keep: (_type, { metadata }) => ({ metadata }),
    });
    const informer = informers.for(configmaps);
    await informer.synced;
    assert.deepEqual(informer.get('one'), { metadata: one.metadata });
    assert.equal(informer.get('two'), frozen);
    stop.abort();
    await informers.ended();
  });

  it('lists first, then follows changes, and tells handlers of each', async () => {
    const { server, informers, stop } = open();
    server.put(configmaps, configMap('one'));
    const informer = informers.for(configmaps);
    const seen: string[] = [];
    informer.addHandler({
      added: (object) => seen.push(`added ${object.metadata.name}`),
      updated: (next, previous) => seen.push(`updated ${previous.data?.['value']} to ${next.data?.['value']}`),
      deleted: (object) => seen.push(`deleted ${object.metadata.name}`),
    });
    await informer.synced;
    server.put(configmaps, configMap('two'), configMap('one', 'b'));
    await settle();
    server.remove(configmaps, 'default', 'two');
    await settle();
    assert.deepEqual(seen, ['added one', 'added two', 'updated a to b', 'deleted two']);
    assert.equal(informer.get('default/one')?.data?.['value'], 'b');
    await stop();
  });

  it('shares the frozen objects of the transport', async () => {
    const { server, informers, stop } = open();
    const [stored] = server.put(configmaps, configMap('one'));
    const informer = informers.for(configmaps);
    await informer.synced;
    assert.equal(informer.get('default/one'), stored);
    assert.equal(informers.for(configmaps), informer);
    await stop();
  });

  it('finds objects by namespace and by index, also after changes', async () => {
    const { server, informers, stop } = open();
    server.put(configmaps, configMap('one', 'a', 'x'), configMap('two', 'a', 'y'));
    const informer = informers.for(configmaps);
    informer.addIndex('value', (object) => [object.data?.['value'] ?? '']);
    await informer.synced;
    server.put(configmaps, configMap('two', 'b', 'y'));
    await settle();
    assert.deepEqual(
      informer.list('x').map((object) => object.metadata.name),
      ['one'],
    );
    assert.deepEqual(
      informer.byIndex('value', 'b').map((object) => object.metadata.name),
      ['two'],
    );
    assert.equal(informer.byIndex('value', 'a').length, 1);
    await stop();
  });

  it('lists again when its revision has expired, and reports what went meanwhile', async () => {
    const { server, informers, stop } = open();
    server.put(configmaps, configMap('one'), configMap('two'));
    const informer = informers.for(configmaps);
    const gone: string[] = [];
    informer.addHandler({ deleted: (object) => gone.push(object.metadata.name ?? '') });
    await informer.synced;
    await settle();
    server.put(configmaps, configMap('two', 'changed'));
    await settle();
    server.endWatches(expired('too old resource version'));
    server.remove(configmaps, 'default', 'one');
    await settle();
    await settle();
    assert.deepEqual(gone, ['one']);
    await stop();
  });
});
