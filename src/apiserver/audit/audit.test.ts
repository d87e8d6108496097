import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer, AuthenticatedCall } from '../call.ts';
import { parseRequestInfo } from '../request-info.ts';
import { createAuditFilter, jsonLinesSink } from './audit.ts';

function call(path: string): AuthenticatedCall {
  const query = new URLSearchParams('limit=5');
  return {
    method: 'GET',
    path,
    query,
    info: parseRequestInfo('GET', path, query),
    header: (name: string) => (name === 'user-agent' ? 'kubectl' : undefined),
    startedMs: 1000,
    annotations: new Map([['authorization.k8s.io/decision', 'allow']]),
    user: { name: 'bob', groups: ['system:authenticated'] },
    impersonator: { name: 'alice', groups: [] },
  } as unknown as AuthenticatedCall;
}

describe('the audit filter', () => {
  const lines: string[] = [];
  const filter = createAuditFilter({
    sink: jsonLinesSink((line) => lines.push(line)),
    clock: { nowMs: () => 2000, after: () => ({ cancel() {} }), every: () => ({ cancel() {} }), sleep: async () => {} },
  });
  const answer: Answer = { kind: 'bytes', status: 200, contentType: 'x', body: Buffer.alloc(0) };

  it('writes who did what with which outcome, and gives the answer its id', async () => {
    const given = await filter(async () => answer)(call('/api/v1/namespaces/a/pods'));
    const { auditID, ...event } = JSON.parse(lines.at(-1) ?? '');
    assert.equal(given.kind === 'bytes' ? given.headers?.['Audit-Id'] : undefined, auditID);
    assert.deepEqual(event, {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      stage: 'ResponseComplete',
      requestURI: '/api/v1/namespaces/a/pods?limit=5',
      verb: 'list',
      user: { username: 'alice' },
      impersonatedUser: { username: 'bob', groups: ['system:authenticated'] },
      sourceIPs: [],
      userAgent: 'kubectl',
      objectRef: { resource: 'pods', namespace: 'a', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 200 },
      requestReceivedTimestamp: '1970-01-01T00:00:01.000000Z',
      stageTimestamp: '1970-01-01T00:00:02.000000Z',
      annotations: { 'authorization.k8s.io/decision': 'allow' },
    });
  });

  it('leaves out what is no resource', async () => {
    const before = lines.length;
    await filter(async () => answer)(call('/readyz'));
    assert.equal(lines.length, before);
  });
});
