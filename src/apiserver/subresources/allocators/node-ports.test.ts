import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Backend } from '../../../datastore/backend.ts';
import { openMemoryBackend } from '../../../datastore/memory/memory-backend.ts';
import type { Service } from '../../../generated/api/core/v1.ts';
import { ManualClock } from '../../../testing/manual-clock.ts';
import { decodeStored } from '../../stored-values.ts';
import { NodePorts, parsePortRange } from './node-ports.ts';
import { PortRecord } from './port-record.ts';

const KEY = '/registry/ranges/servicenodeports';
const wet = { dryRun: false };

describe('node ports of servers that share a datastore', () => {
  let backend: Backend;
  let clock: ManualClock;
  beforeEach(async () => {
    backend = await openMemoryBackend();
    clock = new ManualClock();
  });

  /** A server that sees these services, and of others nothing yet. */
  const serverOf = (services: readonly Service[] = [], text = '30000-32767'): NodePorts => {
    const range = parsePortRange(text);
    const record = new PortRecord(backend, range, decodeStored);
    return new NodePorts({ range, record, stored: async () => services, clock });
  };
  const serviceWith = (...ports: number[]): Service => ({
    metadata: { name: 'web' },
    spec: { type: 'NodePort', ports: ports.map((nodePort) => ({ port: 80, nodePort })) },
  });
  const recordOf = async (): Promise<Record<string, unknown>> =>
    JSON.parse(String((await backend.get(KEY))?.value)) as Record<string, unknown>;
  const put = async (record: object): Promise<void> => {
    await backend.create(KEY, Buffer.from(JSON.stringify({ kind: 'RangeAllocation', apiVersion: 'v1', ...record })));
  };

  it('are never handed out twice, however many servers draw at the same time', async () => {
    const servers = [serverOf(), serverOf(), serverOf()];
    const drawn = await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const reservation = await (servers[index % 3] as NodePorts).begin(wet);
        return [await reservation.takeNext(), await reservation.takeNext()];
      }),
    );
    assert.equal(new Set(drawn.flat()).size, 600);
  });

  it('that are asked for by number go to one of them', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, async () => (await serverOf().begin(wet)).take(30_080)),
    );
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results)
      if (result.status === 'rejected') assert.equal(result.reason.message, 'provided port is already allocated');
  });

  it('fill the range to its last one', async () => {
    const servers = [serverOf([], '30000-30019'), serverOf([], '30000-30019')];
    const reservations = await Promise.all(servers.map((server) => server.begin(wet)));
    const all = Promise.all(Array.from({ length: 20 }, (_, index) => reservations[index % 2]?.takeNext()));
    assert.equal(new Set(await all).size, 20);
    await assert.rejects((await serverOf([], '30000-30019').begin(wet)).takeNext(), { message: 'range is full' });
  });

  it('are kept in the form of upstream: the bits of a whole number, the highest byte first', async () => {
    const reservation = await serverOf([], '30000-30019').begin(wet);
    for (const port of [30_000, 30_009, 30_016]) await reservation.take(port);
    assert.deepEqual(await recordOf(), {
      kind: 'RangeAllocation',
      apiVersion: 'v1',
      metadata: {},
      range: '30000-30019',
      data: Buffer.from([1, 2, 1]).toString('base64'),
    });
  });

  it('that another server had handed out before are respected, and released ones come back', async () => {
    await put({ metadata: {}, range: '30000-32767', data: Buffer.from([5]).toString('base64') });
    const server = serverOf();
    const reservation = await server.begin(wet);
    await assert.rejects(reservation.take(30_002), { message: 'provided port is already allocated' });
    await reservation.take(30_001);
    await server.release(reservation.own);
    assert.equal((await recordOf())['data'], Buffer.from([5]).toString('base64'));
  });

  it('of stored services are taken whatever the record says, and come into it', async () => {
    const server = serverOf([serviceWith(30_003), serviceWith(30_004)]);
    const reservation = await server.begin(wet);
    await assert.rejects(reservation.take(30_003), { message: 'provided port is already allocated' });
    assert.equal((await recordOf())['data'], Buffer.from([0b11000]).toString('base64'));
  });

  it('begin anew where the range is another one', async () => {
    await put({ metadata: {}, range: '31000-31999', data: Buffer.from([255]).toString('base64') });
    await (await serverOf([serviceWith(30_001)]).begin(wet)).take(30_000);
    assert.equal((await recordOf())['data'], Buffer.from([3]).toString('base64'));
  });

  it('that a crash left behind are free after a while, and those of a write under way are not', async () => {
    await put({ metadata: {}, range: '30000-32767', data: Buffer.from([7]).toString('base64') });
    const services = [serviceWith(30_000)];
    await (await serverOf(services).begin(wet)).take(30_005);
    assert.equal((await recordOf())['data'], Buffer.from([0b100111]).toString('base64'));
    services.push(serviceWith(30_001));
    clock.advance(3 * 60_000);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await recordOf())['data'], Buffer.from([0b100011]).toString('base64'));
  });

  it('leave nothing behind in a dry run', async () => {
    const reservation = await serverOf().begin({ dryRun: true });
    assert.notEqual(await reservation.takeNext(), await reservation.takeNext());
    assert.equal(await backend.get(KEY), undefined);
  });
});
