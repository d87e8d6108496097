import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import type { AuthenticatedCall, CallTrace, WireAnswer } from '../call.ts';
import { parseRequestInfo } from '../request-info.ts';
import { countInside } from './count-inside.ts';
import { labelsOf } from './request-labels.ts';
import { RequestMetrics } from './request-metrics.ts';
import { tellEnd } from './tell-end.ts';

const pods = '/api/v1/namespaces/n/pods';

function callOf(method: string, url: string, more: object = {}): AuthenticatedCall & { trace: CallTrace } {
  const [path = '', search = ''] = url.split('?');
  const query = new URLSearchParams(search);
  const info = parseRequestInfo(method, path, query);
  const trace: CallTrace = { route: info.isResourceRequest ? 'resource' : 'path', waitedMs: 0 };
  const header = (): undefined => undefined;
  return { method, path, query, info, trace, header, startedMs: 0, ...more } as unknown as AuthenticatedCall & {
    trace: CallTrace;
  };
}

const apply = { header: (name: string) => (name === 'content-type' ? 'application/apply-patch+yaml' : undefined) };

/** Verb, scope, subresource and dry run of the labels; undefined where upstream does not count. */
const labels: Record<string, [string, string, [string, string, string, string] | undefined, object?]> = {
  'reads of one object': ['GET', `${pods}/p`, ['GET', 'resource', '', '']],
  lists: ['GET', pods, ['LIST', 'namespace', '', '']],
  'lists of all namespaces': ['GET', '/api/v1/pods', ['LIST', 'cluster', '', '']],
  'lists by one name': ['GET', `${pods}?fieldSelector=metadata.name=p`, ['GET', 'resource', '', '']],
  watches: ['GET', `${pods}?watch=1`, ['WATCH', 'namespace', '', '']],
  'watches by the old path': ['GET', '/api/v1/watch/pods', ['WATCH', 'cluster', '', '']],
  creations: ['POST', pods, ['POST', 'resource', '', '']],
  'tries of creations': ['POST', `${pods}?dryRun=All`, ['POST', 'resource', '', 'All']],
  'what is no try': ['POST', `${pods}?dryRun=Some`, ['POST', 'resource', '', 'invalid']],
  patches: ['PATCH', `${pods}/p`, ['PATCH', 'resource', '', '']],
  applies: ['PATCH', `${pods}/p`, ['APPLY', 'resource', '', ''], apply],
  'deletions of many': ['DELETE', pods, ['DELETE', 'namespace', '', '']],
  'status of an object': ['PUT', `${pods}/p/status`, ['PUT', 'resource', 'status', '']],
  connections: ['POST', `${pods}/p/exec`, ['CONNECT', 'resource', 'exec', '']],
  logs: ['GET', `${pods}/p/log`, ['CONNECT', 'resource', 'log', '']],
  'unknown methods': ['BREW', `${pods}/p`, ['other', 'resource', '', '']],
  health: ['GET', '/readyz', ['GET', '', '/readyz', '']],
  groups: ['GET', '/apis', ['GET', '', 'apis', '']],
  'documents of groups': ['GET', '/openapi/v3/apis/apps/v1', ['GET', '', 'openapi/v3/', '']],
  'no single checks of health': ['GET', '/readyz/etcd', undefined],
  'no version': ['GET', '/version', undefined],
};

describe('labels of requests', () => {
  for (const [title, [method, url, expected, more]] of Object.entries(labels))
    it(`know ${title}`, () => {
      const call = callOf(method, url, more);
      const found = labelsOf(call, call.trace);
      assert.deepEqual(found && [found.verb, found.scope, found.subresource, found.dryRun], expected);
    });
});

describe('metrics of requests', () => {
  const setUp = () => {
    const clock = new ManualClock(0);
    const registry = new MetricsRegistry();
    const metrics = new RequestMetrics(registry, clock);
    const assertHas = async (...lines: readonly string[]): Promise<void> => {
      const text = await registry.text();
      for (const line of lines) assert.ok(text.includes(`${line}\n`), `${line}\n${text}`);
    };
    return { clock, registry, metrics, assertHas };
  };
  const get = 'group="",resource="pods",scope="resource",subresource="",verb="GET",version="v1"';
  const answer: WireAnswer = {
    kind: 'bytes',
    status: 200,
    contentType: '',
    body: [Buffer.alloc(900), Buffer.alloc(200)],
  };

  it('tell how long answers took, with and without what others took, and how large they are', async () => {
    const { clock, metrics, assertHas } = setUp();
    const call = callOf('GET', `${pods}/p`);
    call.trace.waitedMs = 300;
    clock.advance(400);
    tellEnd(call, answer, answer, metrics);
    await assertHas(
      `apiserver_request_total{code="200",component="apiserver",dry_run="",${get}} 1`,
      `apiserver_request_duration_seconds_sum{component="apiserver",dry_run="",${get}} 0.4`,
      `apiserver_request_sli_duration_seconds_sum{component="apiserver",${get}} 0.1`,
      `apiserver_response_sizes_sum{component="apiserver",${get}} 1100`,
    );
  });

  it('count a stream when it ends, and show it as open until then', async () => {
    const { metrics, assertHas, registry } = setUp();
    const response = new EventEmitter();
    const call = callOf('GET', `${pods}?watch=1`, { raw: { response } });
    const stream: WireAnswer = { kind: 'stream', status: 200, contentType: '', start() {} };
    tellEnd(call, stream, stream, metrics);
    const watch =
      'component="apiserver",group="",resource="pods",scope="namespace",subresource="",verb="WATCH",version="v1"';
    await assertHas(`apiserver_longrunning_requests{${watch}} 1`);
    assert.doesNotMatch(await registry.text(), /apiserver_request_total/);
    response.emit('close');
    await assertHas(`apiserver_longrunning_requests{${watch}} 0`);
    assert.match(await registry.text(), /apiserver_request_total\{code="200",.*verb="WATCH"/);
  });

  it('pass over what no handler has seen, but for those that found no seat', async () => {
    const { metrics, registry, assertHas } = setUp();
    const refused = callOf('GET', `${pods}/p`);
    refused.trace.route = undefined;
    metrics.end(refused, refused.trace, { code: 403 });
    assert.doesNotMatch(await registry.text(), /apiserver_request_total/);
    metrics.end(refused, refused.trace, { code: 429 });
    await assertHas(
      'apiserver_request_terminations_total{code="429",component="apiserver",group="",resource="",scope="resource",subresource="",verb="GET",version=""} 1',
    );
    const served = callOf('GET', `${pods}/p`);
    metrics.end(served, served.trace, { code: 200 });
    metrics.end(refused, refused.trace, { code: 429 });
    await assertHas(
      `apiserver_request_total{code="429",component="apiserver",dry_run="",${get}} 1`,
      `apiserver_request_terminations_total{code="429",component="apiserver",${get}} 1`,
    );
  });

  it('show how many were under way at most within the last second', async () => {
    const { clock, metrics, assertHas } = setUp();
    const ends = [1, 2, 3].map(() => metrics.begin(callOf('GET', `${pods}/p`)));
    metrics.begin(callOf('POST', pods));
    metrics.begin(callOf('GET', `${pods}?watch=1`));
    for (const end of ends) end();
    clock.advance(1_000);
    const gauge = (kind: string) => `apiserver_current_inflight_requests{request_kind="${kind}"}`;
    await assertHas(`${gauge('readOnly')} 3`, `${gauge('mutating')} 1`);
    clock.advance(5_000);
    await assertHas(`${gauge('readOnly')} 0`, `${gauge('mutating')} 1`);
  });

  it('count what the process asks itself, as its clients do', async () => {
    const { clock, metrics, registry, assertHas } = setUp();
    const seams = { requests: metrics, registry, clock, host: 'h:1' };
    const serve = countInside(seams, async () => answer);
    await serve(callOf('GET', `${pods}/p`, { header: () => 'kube-apiserver' }));
    await assert.rejects(
      countInside(seams, async () => Promise.reject(new Error('no')))(callOf('GET', `${pods}/p`)),
      /no/,
    );
    await assertHas(
      'rest_client_requests_total{code="200",host="h:1",method="GET"} 1',
      'rest_client_requests_total{code="500",host="h:1",method="GET"} 1',
      'apiserver_selfrequest_total{group="",resource="pods",subresource="",verb="GET"} 1',
      `apiserver_request_total{code="500",component="apiserver",dry_run="",${get}} 1`,
    );
  });
});
