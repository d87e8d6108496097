import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '../generated/api/coordination/v1.ts';
import { leases } from '../generated/resource-types.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { FakeTransport } from '../testing/fake-transport.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { Client } from './client.ts';
import { planLease, runAsLeader } from './leases.ts';
import type { Transport } from './transport.ts';

const times = { nowMs: 100_000, observedMs: 90_000, leaseDurationMs: 15_000 };
const now = '1970-01-01T00:01:40.000000Z';
const mine = { holderIdentity: 'me', leaseDurationSeconds: 15, acquireTime: now, renewTime: now };

function lease(spec: Lease['spec']): Lease {
  return { metadata: { name: 'l', namespace: 'kube-system' }, spec };
}

describe('planLease', () => {
  const cases: Record<string, [Lease | undefined, ReturnType<typeof planLease>]> = {
    'creates a lease that is not there': [undefined, { step: 'create', spec: { ...mine, leaseTransitions: 0 } }],
    'waits for a leader that was seen lately': [
      lease({ holderIdentity: 'other', leaseDurationSeconds: 15 }),
      { step: 'wait', holder: 'other' },
    ],
    'takes over from a leader that is silent too long': [
      lease({ holderIdentity: 'other', leaseDurationSeconds: 10, leaseTransitions: 3 }),
      { step: 'update', spec: { ...mine, leaseTransitions: 4 } },
    ],
    'takes a released lease at once': [
      lease({ holderIdentity: '', leaseDurationSeconds: 15, leaseTransitions: 1 }),
      { step: 'update', spec: { ...mine, leaseTransitions: 2 } },
    ],
    'renews its own and keeps when it began': [
      lease({ holderIdentity: 'me', leaseDurationSeconds: 15, acquireTime: 'earlier', leaseTransitions: 1 }),
      { step: 'update', spec: { ...mine, acquireTime: 'earlier', leaseTransitions: 1 } },
    ],
  };
  for (const [name, [current, plan]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(planLease(current, 'me', times), plan));
  }
});

describe('runAsLeader', () => {
  it('leads alone, and releases the lease after the work has ended', async () => {
    const server = new FakeTransport();
    const stop = new AbortController();
    const options = {
      client: server.client,
      lease: { namespace: 'kube-system', name: 'l' },
      identity: 'me',
      retryPeriodMs: 1,
      clock: systemClock,
      logger: silentLogger,
    };
    let holderAtEnd: string | undefined;
    const running = runAsLeader(
      options,
      async (signal) => {
        setImmediate(() => stop.abort());
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        holderAtEnd = server.find(leases, 'kube-system', 'l')?.spec?.holderIdentity;
      },
      stop.signal,
    );
    await running;
    assert.equal(holderAtEnd, 'me');
    assert.equal(server.find(leases, 'kube-system', 'l')?.spec?.holderIdentity, '');
  });

  it('gives the lead up where the server falls silent, before another one may take it', async () => {
    const server = new FakeTransport();
    const clock = new ManualClock();
    const stop = new AbortController();
    let isSilent = false;
    let lostMs: number | undefined;
    const { client } = server;
    const transport: Transport = {
      request: (request) =>
        isSilent
          ? new Promise((_, reject) => request.signal?.addEventListener('abort', () => reject(request.signal?.reason)))
          : client.transport.request(request),
      watch: (request) => client.transport.watch(request),
    };
    const lease = { namespace: 'kube-system', name: 'l' };
    const options = { client: new Client(transport), lease, identity: 'me', clock, logger: silentLogger };
    const running = runAsLeader(
      options,
      async (signal) => {
        isSilent = true;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        lostMs ??= clock.nowMs();
        stop.abort();
      },
      stop.signal,
    );
    const startMs = clock.nowMs();
    while (lostMs === undefined && clock.nowMs() - startMs < 60_000) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(500);
    }
    assert.ok(lostMs !== undefined && lostMs - startMs < 15_000, `after ${(lostMs ?? 0) - startMs} ms`);
    // It does not wait for ever to be heard when it lets go.
    const ended = running.then(() => true);
    for (;;) {
      const isOver = await Promise.race([ended, new Promise((resolve) => setImmediate(() => resolve(false)))]);
      if (isOver) break;
      clock.advance(1_000);
      assert.ok(clock.nowMs() - startMs < 120_000, 'it ends');
    }
  });
});
