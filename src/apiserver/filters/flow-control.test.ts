import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeFeed } from '../../testing/fake-feed.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import type { Answer, AuthenticatedCall, BytesAnswer } from '../call.ts';
import { FlowControl } from '../flowcontrol/flow-control.ts';
import { parseRequestInfo } from '../request-info.ts';
import { withFlowControl } from './flow-control.ts';

const done: BytesAnswer = { kind: 'bytes', status: 200, contentType: '', body: Buffer.alloc(0) };
const clock = new ManualClock();
const names = ['X-Kubernetes-Pf-Flowschema-Uid', 'X-Kubernetes-Pf-Prioritylevel-Uid'];
const pods = '/api/v1/namespaces/a/pods';

function callFor(url: string, group = 'system:authenticated'): AuthenticatedCall & { answerHeaders: object } {
  const { pathname, searchParams: query } = new URL(url, 'https://server');
  const info = parseRequestInfo('GET', pathname, query);
  const { signal } = new AbortController();
  const user = { name: 'ann', groups: [group] };
  const call = {
    method: 'GET',
    path: pathname,
    query,
    info,
    signal,
    user,
    answerHeaders: {},
    startedMs: clock.nowMs(),
  };
  return call as unknown as AuthenticatedCall & { answerHeaders: object };
}

/** A server of one seat and no queue, whose only request is under way. */
async function startBusy(url: string): Promise<(call: AuthenticatedCall) => Promise<Answer>> {
  const control = new FlowControl({ feed: new FakeFeed({}), clock, seats: 1 });
  let calls = 0;
  const handle = withFlowControl(
    control,
    () => clock.nowMs(),
    async (call) => (calls++ === 0 && call.info.verb !== 'watch' ? await new Promise(() => {}) : done),
  );
  const first = handle(callFor(url));
  await Promise.race([first, new Promise((resolve) => setImmediate(resolve))]);
  return handle;
}

const cases: Record<string, [string, string, string | undefined, number, readonly string[]]> = {
  'refuses what finds no seat': [pods, pods, undefined, 429, names],
  'refuses a watch that finds no seat': [pods, `${pods}?watch=1`, undefined, 429, names],
  'lets through what is exempt': [pods, pods, 'system:masters', 200, names],
  'lets streams through, and says nothing of them': [pods, `${pods}/a/log`, undefined, 200, []],
  'counts watches only until they have begun': [`${pods}?watch=1`, pods, undefined, 200, names],
  'does not count streams': [`${pods}/a/exec`, pods, undefined, 200, names],
};

describe('withFlowControl', () => {
  for (const [name, [first, second, group, status, headers]] of Object.entries(cases))
    it(name, async () => {
      const handle = await startBusy(first);
      const call = callFor(second, group);
      const answer = (await handle(call)) as BytesAnswer;
      assert.equal(answer.status, status);
      assert.deepEqual(Object.keys(call.answerHeaders), headers);
      if (status !== 429) return;
      assert.equal(answer.headers?.['Retry-After'], '1');
      assert.equal(answer.contentType, 'text/plain; charset=utf-8');
      assert.equal(String(answer.body), 'Too many requests, please try again later.\n');
    });

  it('gives a seat back where the handler fails', async () => {
    const control = new FlowControl({ feed: new FakeFeed({}), clock, seats: 1 });
    const handle = withFlowControl(
      control,
      () => clock.nowMs(),
      async () => {
        throw new Error('no');
      },
    );
    await assert.rejects(handle(callFor(pods)), /no/);
    await assert.rejects(handle(callFor(pods)), /no/);
  });
});
