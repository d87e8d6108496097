import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TenantState } from './observed.ts';
import { ProbePace } from './probe-pace.ts';

const ready: TenantState = { ready: true, nodes: { total: 1, ready: 1 }, kubelets: {} };
const more: TenantState = { ...ready, nodes: { total: 2, ready: 2 } };
const starting = { ageMs: 1_000, isWaitingForPod: false, nowMs: 0 };
const HOUR_MS = 3600_000;

/** So many tenants of which nothing has changed for an hour, asked last just now. */
function quiet(count: number): ProbePace {
  const pace = new ProbePace();
  for (let index = 0; index < count; index++) {
    pace.add(`t${index}`);
    for (const atMs of [0, HOUR_MS]) pace.note(`t${index}`, [], ready, atMs);
  }
  return pace;
}

describe('ProbePace', () => {
  const rows: Record<string, [tenants: number, pauseMs: number]> = {
    'asks a few tenants every five seconds': [3, 5_000],
    'asks five hundred about six times a second in all': [500, 83_334],
  };
  for (const [title, [tenants, pauseMs]] of Object.entries(rows)) {
    it(title, () => {
      const pace = quiet(tenants);
      assert.equal(pace.pauseMs('t0', { ...starting, ageMs: HOUR_MS, nowMs: HOUR_MS }), pauseMs);
    });
  }

  it('asks one of many soon again after it has changed', () => {
    const pace = quiet(500);
    pace.note('t0', [], more, HOUR_MS);
    assert.equal(pace.pauseMs('t0', { ...starting, ageMs: HOUR_MS, nowMs: HOUR_MS }), 5_000);
  });

  it('remembers an answer until it is time to ask again, or something changes that leads there', () => {
    const pace = quiet(1);
    const [service, other] = [{}, {}];
    pace.note('t0', [service], ready, 0);
    assert.equal(pace.lastAnswer('t0', [service], 4_999), ready);
    assert.equal(pace.lastAnswer('t0', [service], 5_000), undefined);
    assert.equal(pace.lastAnswer('t0', [other], 1), undefined);
    pace.note('t0', [service], undefined, 1);
    assert.equal(pace.lastAnswer('t0', [service], 2), undefined);
  });

  it('asks one that starts often, and many that start less often each', () => {
    const pace = new ProbePace();
    pace.add('t0');
    assert.equal(pace.pauseMs('t0', starting), 100);
    for (let index = 0; index < 200; index++) pace.pauseMs(`t${index}`, starting);
    assert.equal(pace.pauseMs('t0', starting), 5_000);
    for (let index = 1; index < 200; index++) pace.forget(`t${index}`);
    assert.equal(pace.pauseMs('t0', starting), 100);
  });

  it('leaves it to the pods to tell that one of them has started', () => {
    const pace = new ProbePace();
    assert.equal(pace.pauseMs('t0', { ...starting, isWaitingForPod: true }), 5_000);
    assert.equal(pace.pauseMs('t0', { ...starting, ageMs: HOUR_MS }), 5_000);
  });
});
