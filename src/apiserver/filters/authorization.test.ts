import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuthenticatedCall, BytesAnswer, Verdict } from '../call.ts';
import { parseRequestInfo } from '../request-info.ts';
import { withAuthorization } from './authorization.ts';

const done: BytesAnswer = { kind: 'bytes', status: 200, contentType: '', body: Buffer.alloc(0) };

function callFor(path: string): AuthenticatedCall & { answerHeaders: Record<string, string> } {
  const info = parseRequestInfo('GET', path, new URLSearchParams());
  const { signal } = new AbortController();
  const call = { info, signal, user: { name: 'ann', groups: [] }, annotations: new Map(), answerHeaders: {} };
  return call as unknown as AuthenticatedCall & { answerHeaders: Record<string, string> };
}

describe('withAuthorization', () => {
  const handleBy = (verdict: Verdict['verdict']) =>
    withAuthorization({ authorize: async () => ({ verdict, reason: '' }) } as never, async () => done);

  for (const verdict of ['deny', 'no-opinion'] as const) {
    it(`refuses on ${verdict}, and keeps browsers from guessing what the refusal is`, async () => {
      const call = callFor('/api/v1/namespaces/a/pods');
      await assert.rejects(handleBy(verdict)(call), /User "ann" cannot list resource "pods" in API group ""/);
      assert.deepEqual(call.answerHeaders, { 'X-Content-Type-Options': 'nosniff' });
    });
  }

  it('adds nothing to what it lets through', async () => {
    const call = callFor('/version');
    assert.equal(await handleBy('allow')(call), done);
    assert.deepEqual(call.answerHeaders, {});
  });
});
