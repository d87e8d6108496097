import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyObject } from '../../machinery/object/object.ts';
import { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import type { Answer, AuthenticatedCall, CallTrace, WireAnswer } from '../call.ts';
import { parseRequestInfo } from '../request-info.ts';
import { toJsonLine, toLegacyLine } from './audit-event.ts';
import type { AuditPolicyRule } from './audit-policy.ts';
import { Auditor } from './auditor.ts';

const clock = new ManualClock(1_000);
const object = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', namespace: 'n', uid: 'u', resourceVersion: '7', managedFields: [{}] },
} as unknown as AnyObject;
const stored: Answer = { kind: 'object', status: 201, item: { object, json: Buffer.from(JSON.stringify(object)) } };
const wire: WireAnswer = {
  kind: 'bytes',
  status: 201,
  contentType: 'application/json',
  body: Buffer.from(JSON.stringify(object)),
};
const missing: Answer = {
  kind: 'object',
  status: 404,
  item: {
    object: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'configmaps "c" not found',
      reason: 'NotFound',
      details: { name: 'c' },
      code: 404,
    } as unknown as AnyObject,
  },
};

interface Heard {
  readonly lines: string[];
  readonly legacy: string[];
  readonly events: () => Record<string, unknown>[];
  readonly registry: MetricsRegistry;
  readonly auditor: Auditor;
}

function listen(rule: AuditPolicyRule): Heard {
  const [lines, legacy]: [string[], string[]] = [[], []];
  const registry = new MetricsRegistry();
  const policy = { rules: [rule], omitStages: [], omitManagedFields: false };
  const sink = {
    write: (event: Parameters<typeof toJsonLine>[0]) => {
      lines.push(toJsonLine(event));
      legacy.push(toLegacyLine(event));
    },
  };
  const auditor = new Auditor({ policy, sink, clock, registry });
  const events = () => lines.map((line) => JSON.parse(line));
  return { lines, legacy, events, registry, auditor };
}

function callOf(method = 'POST', path = '/api/v1/namespaces/n/configmaps'): AuthenticatedCall & { trace: CallTrace } {
  const query = new URLSearchParams('fieldManager=m');
  return {
    method,
    path,
    query,
    info: parseRequestInfo(method, path, query),
    header: (name: string) => ({ 'user-agent': 'kubectl', 'audit-id': 'id', 'x-forwarded-for': '192.0.2.1, x' })[name],
    raw: { request: { url: `${path}?fieldManager=m`, socket: { remoteAddress: '::ffff:127.0.0.1' } } },
    startedMs: 500,
    annotations: new Map([
      ['b', '2'],
      ['authorization.k8s.io/decision', 'allow'],
    ]),
    answerHeaders: {},
    trace: { waitedMs: 0 },
    user: { name: 'ann', groups: ['devs'] },
  } as unknown as AuthenticatedCall & { trace: CallTrace };
}

describe('the auditor', () => {
  it('tells of a request when it comes and when it is answered, field by field as upstream', () => {
    const { auditor, lines } = listen({ level: 'RequestResponse' });
    const call = callOf();
    auditor.begin(call);
    call.trace.audit?.requestObject(object);
    call.trace.audit?.ended(stored, wire, 201);
    const first = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      auditID: 'id',
      stage: 'RequestReceived',
      requestURI: '/api/v1/namespaces/n/configmaps?fieldManager=m',
      verb: 'create',
      user: { username: 'ann', groups: ['devs'] },
      sourceIPs: ['192.0.2.1', '127.0.0.1'],
      userAgent: 'kubectl',
      objectRef: { resource: 'configmaps', namespace: 'n', apiVersion: 'v1' },
      requestReceivedTimestamp: '1970-01-01T00:00:00.500000Z',
      stageTimestamp: '1970-01-01T00:00:00.500000Z',
    };
    const { requestReceivedTimestamp, stageTimestamp: _, ...head } = first;
    const second = {
      ...head,
      stage: 'ResponseComplete',
      objectRef: {
        resource: 'configmaps',
        namespace: 'n',
        name: 'c',
        uid: 'u',
        apiVersion: 'v1',
        resourceVersion: '7',
      },
      responseStatus: { metadata: {}, code: 201 },
      requestObject: object,
      responseObject: object,
      requestReceivedTimestamp,
      stageTimestamp: '1970-01-01T00:00:01.000000Z',
      annotations: { 'authorization.k8s.io/decision': 'allow', b: '2' },
    };
    assert.deepEqual(lines, [`${JSON.stringify(first)}\n`, `${JSON.stringify(second)}\n`]);
    assert.equal(call.answerHeaders?.['Audit-Id'], 'id');
  });

  it('keeps objects, and patches of webhooks, from those who want the heads alone', () => {
    const { auditor, events } = listen({ level: 'Metadata', omitStages: ['RequestReceived'] });
    const call = callOf();
    call.annotations.set('patch.webhook.admission.k8s.io/round_0_index_0', '{}');
    auditor.begin(call);
    call.trace.audit?.requestObject(object);
    call.trace.audit?.ended(missing, wire, 404);
    const [event = {}] = events();
    assert.deepEqual(event['responseStatus'], {
      metadata: {},
      status: 'Failure',
      message: 'configmaps "c" not found',
      reason: 'NotFound',
      details: { name: 'c' },
      code: 404,
    });
    assert.deepEqual(event['annotations'], { 'authorization.k8s.io/decision': 'allow', b: '2' });
    assert.ok(!('requestObject' in event) && !('responseObject' in event));
  });

  it('leaves managed fields out where they are not wanted', () => {
    const { auditor, events } = listen({ level: 'RequestResponse', omitManagedFields: true });
    const call = callOf();
    auditor.begin(call);
    call.trace.audit?.requestObject(object);
    call.trace.audit?.ended(stored, { ...wire, contentType: 'application/vnd.kubernetes.protobuf' } as WireAnswer, 201);
    const { managedFields: _, ...metadata } = object.metadata as unknown as Record<string, unknown>;
    assert.deepEqual(events().at(-1)?.['requestObject'], { ...object, metadata });
    assert.deepEqual(events().at(-1)?.['responseObject'], { ...object, metadata });
  });

  it('tells of patches that are JSON, and of whom somebody acts as', () => {
    const { auditor, events } = listen({ level: 'Request' });
    const call = callOf('PATCH', '/api/v1/namespaces/n/configmaps/c');
    auditor.begin(call);
    call.trace.audit?.requestPatch(Buffer.from('a: b'));
    call.trace.audit?.requestPatch(Buffer.from('{"data":{}}\n'));
    call.trace.audit?.impersonated({ name: 'bob', groups: ['g'] }, 'impersonate:user-info');
    call.trace.audit?.ended(stored, wire, 200);
    const event = events().at(-1) ?? {};
    assert.deepEqual(event['requestObject'], { data: {} });
    assert.deepEqual(event['impersonatedUser'], { username: 'bob', groups: ['g'] });
    assert.deepEqual(event['authenticationMetadata'], { impersonationConstraint: 'impersonate:user-info' });
  });

  it('tells of streams when they begin and when they end, and of faults of the server', () => {
    const { auditor, events, lines } = listen({ level: 'Metadata' });
    const call = callOf('GET', '/api/v1/namespaces/n/pods/p/exec');
    auditor.begin(call);
    call.trace.audit?.started({ kind: 'taken' }, 101);
    call.trace.audit?.ended({ kind: 'taken' }, undefined, 101);
    call.trace.audit?.panicked(new Error('no'));
    assert.deepEqual(
      events().map(({ stage }) => stage),
      ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'],
    );
    assert.match(lines.at(-1) ?? '', /"message":"APIServer panic'd: no"/);
  });

  it('tells of those whom nobody knows by the answer that they get', () => {
    const { auditor, events } = listen({ level: 'Metadata' });
    const call = callOf();
    auditor.refuse(call);
    call.trace.audit?.ended(missing, wire, 401);
    assert.deepEqual(
      events().map(({ stage, user }) => [stage, user]),
      [['ResponseStarted', {}]],
    );
  });

  it('writes lines of text, and counts what it does', async () => {
    const { auditor, legacy, registry } = listen({ level: 'Metadata' });
    auditor.begin(callOf());
    const fields = [
      'id="id" stage="RequestReceived" ip="192.0.2.1" method="create" user="ann" groups="\\"devs\\"" as="<self>"',
      'asgroups="<lookup>" user-agent="kubectl" namespace="n" uri="/api/v1/namespaces/n/configmaps?fieldManager=m"',
    ].join(' ');
    assert.equal(legacy[0], `1970-01-01T00:00:00.500000Z AUDIT: ${fields} response="<deferred>"\n`);
    const text = await registry.text();
    assert.match(text, /^apiserver_audit_event_total 1$/m);
    assert.match(text, /^apiserver_audit_level_total\{level="Metadata"\} 1$/m);
  });

  it('is silent about what no rule wants', () => {
    const { auditor, lines } = listen({ level: 'None' });
    const call = callOf();
    auditor.begin(call);
    assert.deepEqual([lines.length, call.trace.audit], [0, undefined]);
  });
});
