import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Answer, AuthenticatedCall } from '../call.ts';
import { parseRequestInfo } from '../request-info.ts';
import { createHealthPaths } from './health.ts';
import { HealthMetrics } from './health-metrics.ts';
import { createMetricsPaths } from './metrics-path.ts';
import { createVersionPath } from './version.ts';

const broken = {
  name: 'etcd',
  check: async () => {
    throw new Error('gone');
  },
};
const healthy = createHealthPaths({ livez: [], readyz: [{ name: 'etcd', check: () => {} }] });
const sick = createHealthPaths({ livez: [], readyz: [broken, { name: 'log', check: () => {} }] });

function call(url: string, method = 'GET'): AuthenticatedCall {
  const [path = '', search = ''] = url.split('?');
  const query = new URLSearchParams(search);
  const info = parseRequestInfo(method, path, query);
  return { method, path, query, info, header: () => undefined, startedMs: 0 } as unknown as AuthenticatedCall;
}

function textOf(answer: Answer | undefined): string {
  if (answer?.kind !== 'bytes') return 'none';
  const { body } = answer;
  return `${answer.status} ${Buffer.isBuffer(body) ? body : Buffer.concat(body)}`;
}

const cases: Record<string, [typeof healthy, string, string]> = {
  'says ok in short': [healthy, '/readyz', '200 ok'],
  'says all on request': [healthy, '/readyz?verbose', '200 [+]ping ok\n[+]etcd ok\nreadyz check passed\n'],
  'answers for one check': [healthy, '/readyz/etcd', '200 ok'],
  'does not know other checks': [healthy, '/readyz/nothing', '404 404 page not found\n'],
  'says all on failure but not why': [
    sick,
    '/readyz',
    '500 [+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nreadyz check failed\n',
  ],
  'leaves out what is excluded': [sick, '/readyz?exclude=etcd', '200 ok'],
  'warns of exclusions that mean nothing': [
    healthy,
    '/livez?verbose&exclude=x',
    '200 [+]ping ok\nwarn: some health checks cannot be excluded: no matches for "x"\nlivez check passed\n',
  ],
  'says why below the path of the check': [sick, '/readyz/etcd', '500 internal server error: gone\n'],
};

describe('health paths', () => {
  for (const [title, [paths, url, expected]] of Object.entries(cases)) {
    it(title, async () => assert.equal(textOf(await paths(call(url))), expected));
  }
});

describe('/version', () => {
  it('tells the Kubernetes version and takes GET alone', async () => {
    const paths = createVersionPath();
    const answer = textOf(await paths(call('/version')));
    assert.match(JSON.parse(answer.slice(4)).gitVersion, /^v1\.36\./);
    await assert.rejects(async () => await paths(call('/version', 'POST')), { code: 405 });
  });
});

describe('/metrics/slis', () => {
  it('tells how each check went last, and how often', async () => {
    const metrics = new HealthMetrics();
    const paths = createHealthPaths({ livez: [], readyz: [broken], onResult: metrics.record });
    await paths(call('/readyz'));
    await paths(call('/readyz'));
    const text = textOf(await createMetricsPaths({ '/metrics/slis': metrics.registry })(call('/metrics/slis')));
    for (const line of [
      'kubernetes_healthcheck{name="etcd",type="readyz"} 0',
      'kubernetes_healthcheck{name="ping",type="readyz"} 1',
      'kubernetes_healthchecks_total{name="etcd",status="error",type="readyz"} 2',
    ])
      assert.ok(text.includes(`${line}\n`), line);
  });
});
