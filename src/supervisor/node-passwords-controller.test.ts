import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Informers } from '../client/informers.ts';
import { nodes, secrets } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { type Clock, systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { NodePasswordError, NodePasswords, secretNameOf } from './node-password.ts';
import { releaseNodePasswords } from './node-passwords-controller.ts';

const passwords = new NodePasswords();
let api: FakeTransport;
let nowMs: number;
let sweep: () => void;
let stop: () => void;

beforeEach(async () => {
  nowMs = Date.now();
  api = new FakeTransport(() => nowMs);
  const abort = new AbortController();
  const clock: Clock = {
    ...systemClock,
    nowMs: () => nowMs,
    every(_periodMs, run) {
      sweep = run;
      return { cancel() {} };
    },
  };
  const informers = new Informers({ client: api.client, clock, logger: silentLogger, signal: abort.signal });
  const release = releaseNodePasswords({ client: api.client, informers, clock, logger: silentLogger });
  await informers.for(nodes).synced;
  stop = () => {
    release();
    abort.abort();
  };
});
afterEach(() => stop());

const addNode = (name: string) => api.client.create(nodes, { metadata: { name }, spec: {} });
const find = (nodeName: string) =>
  api.client.get(secrets, { namespace: 'kube-system', name: secretNameOf(nodeName) }).catch((error) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let left = 1_000; !(await isTrue()); left--) {
    if (left === 0) throw new Error('it does not become true');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe('the password of a node', () => {
  it('belongs to the Node once that has registered', async () => {
    await passwords.ensure(api.client, 'n1', 'first');
    assert.equal((await find('n1'))?.metadata.ownerReferences, undefined);
    const { uid } = (await addNode('n1')).metadata;
    await until(async () => (await find('n1'))?.metadata.ownerReferences?.[0]?.uid === uid);
  });

  it('belongs to the Node at once where that is there', async () => {
    const { uid } = (await addNode('n1')).metadata;
    await passwords.ensure(api.client, 'n1', 'first');
    assert.equal((await find('n1'))?.metadata.ownerReferences?.[0]?.uid, uid);
  });

  it('goes with its Node, and another machine takes the name', async () => {
    await passwords.ensure(api.client, 'n1', 'first');
    await addNode('n1');
    await assert.rejects(passwords.ensure(api.client, 'n1', 'second'), NodePasswordError);
    await until(async () => (await find('n1'))?.metadata.ownerReferences !== undefined);
    await api.client.delete(nodes, { name: 'n1' });
    await until(async () => (await find('n1')) === undefined);
    await passwords.ensure(api.client, 'n1', 'second');
  });

  it('is not mistaken for what it was before the name changed hands', async () => {
    await passwords.ensure(api.client, 'n1', 'first');
    await api.client.delete(secrets, { namespace: 'kube-system', name: secretNameOf('n1') });
    await passwords.ensure(api.client, 'n1', 'second');
    await assert.rejects(passwords.ensure(api.client, 'n1', 'first'), NodePasswordError);
  });

  it('goes to one of many machines that come at once', async () => {
    const claims = ['a', 'b', 'c', 'd', 'e'].map((password) => passwords.ensure(api.client, 'n1', password));
    const outcomes = await Promise.allSettled(claims);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), [
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'rejected',
    ]);
  });

  it('goes after ten minutes where no Node came', async () => {
    await passwords.ensure(api.client, 'n1', 'first');
    await passwords.ensure(api.client, 'n2', 'first');
    await addNode('n2');
    nowMs += 9 * 60_000;
    await passwords.ensure(api.client, 'n3', 'first');
    nowMs += 2 * 60_000;
    sweep();
    await until(async () => (await find('n1')) === undefined);
    assert.notEqual(await find('n2'), undefined);
    assert.notEqual(await find('n3'), undefined);
  });
});
