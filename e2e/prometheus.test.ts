/**
 * What platform teams watch Warren with: the chart's alerts, its dashboard, and the queries of the usual dashboards and
 * alerts of Kubernetes, asked of a real Prometheus. Skipped where Prometheus and promtool are not installed.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { freePort } from '../src/testing/free-port.ts';
import { clientPath, run } from './clients.ts';
import { eventually, type Program, startProgram } from './program.ts';
import { startWarrenServer, type WarrenServer } from './warren-server.ts';

const root = join(import.meta.dirname, '..');
const chart = join(root, 'charts', 'warren');
const isInstalled = async (name: string): Promise<boolean> => (await run('which', [name])).code === 0;
const skip =
  (await isInstalled('promtool')) && (await isInstalled('prometheus')) ? false : 'Prometheus is not installed';

const tenant = 'job="apiserver"';
/** Queries of kubernetes-mixin, by what they show. */
const usual: Readonly<Record<string, string>> = {
  'requests by code': `sum by (code) (rate(apiserver_request_total{${tenant}}[5m]))`,
  'slow requests': `sum(rate(apiserver_request_sli_duration_seconds_count{${tenant},verb=~"LIST|GET"}[5m])) - sum(rate(apiserver_request_sli_duration_seconds_bucket{${tenant},verb=~"LIST|GET",le="1"}[5m]))`,
  'latency of reads': `histogram_quantile(0.99, sum by (le, resource) (rate(apiserver_request_sli_duration_seconds_bucket{${tenant},verb=~"LIST|GET",subresource!~"proxy|attach|log|exec|portforward"}[5m])))`,
  'latency of writes': `histogram_quantile(0.99, sum by (le) (rate(apiserver_request_duration_seconds_bucket{${tenant},verb=~"POST|PUT|PATCH|DELETE"}[5m])))`,
  'what is open': `sum(apiserver_longrunning_requests{${tenant},verb="WATCH"})`,
  'what is under way': `sum by (request_kind) (apiserver_current_inflight_requests{${tenant}})`,
  'requests that were ended': `sum(rate(apiserver_request_total{${tenant}}[10m])) + (sum(rate(apiserver_request_terminations_total{${tenant}}[10m])) or vector(0))`,
  'certificates that run out': `histogram_quantile(0.01, sum by (le) (rate(apiserver_client_certificate_expiration_seconds_bucket{${tenant}}[5m])))`,
  'aggregated APIs': `max by (name) (aggregator_unavailable_apiservice{${tenant}})`,
  versions: `count by (git_version) (kubernetes_build_info{${tenant}})`,
  'flow control': `sum by (priority_level) (apiserver_flowcontrol_nominal_limit_seats{${tenant}})`,
  'requests by flow': `sum by (flow_schema) (rate(apiserver_flowcontrol_dispatched_requests_total{${tenant}}[5m]))`,
  'objects that are stored': `topk(10, apiserver_resource_objects{${tenant}})`,
  'size of the datastore': `apiserver_storage_size_bytes{${tenant}}`,
  'latency of the datastore': `histogram_quantile(0.99, sum by (le, operation) (rate(etcd_request_duration_seconds_bucket{${tenant}}[5m])))`,
  'latency of admission': `histogram_quantile(0.99, sum by (le, type) (rate(apiserver_admission_step_admission_duration_seconds_bucket{${tenant}}[5m])))`,
  'keys that wait': `sum by (name) (workqueue_depth{${tenant}})`,
  'latency of queues': `histogram_quantile(0.99, sum by (le, name) (rate(workqueue_queue_duration_seconds_bucket{${tenant}}[5m])))`,
  'requests of controllers': `sum by (code) (rate(rest_client_requests_total{${tenant}}[5m]))`,
  'pods that were tried': `sum by (result) (rate(scheduler_schedule_attempts_total{${tenant}}[5m]))`,
  'latency of scheduling': `histogram_quantile(0.99, sum by (le) (rate(scheduler_scheduling_attempt_duration_seconds_bucket{${tenant}}[5m])))`,
  'pods that wait': `sum by (queue) (scheduler_pending_pods{${tenant}})`,
  memory: `process_resident_memory_bytes{${tenant}}`,
  processor: `rate(process_cpu_seconds_total{${tenant}}[5m])`,
};

describe("the chart's alerts", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-alerts-'));
  after(() => rmSync(folder, { recursive: true }));

  it('are well-formed, and raised when they should be and not before', async () => {
    const { stdout } = await run(clientPath('helm'), [
      'template',
      chart,
      '--set',
      'metrics.prometheusRule.enabled=true',
    ]);
    const rule = parseAllDocuments(stdout)
      .map((document) => document.toJS() as { kind?: string; spec?: unknown } | null)
      .find((object) => object?.kind === 'PrometheusRule');
    writeFileSync(join(folder, 'rules.yaml'), stringify(rule?.spec));
    copyFileSync(join(import.meta.dirname, 'testdata', 'alerts.yaml'), join(folder, 'alerts.yaml'));
    for (const args of [
      ['check', 'rules', 'rules.yaml'],
      ['test', 'rules', 'alerts.yaml'],
    ]) {
      const { code, stdout, stderr } = await run('promtool', args, { cwd: folder });
      assert.equal(code, 0, stdout + stderr);
    }
  });
});

describe('Prometheus', { skip }, () => {
  const state: { server?: WarrenServer; operator?: Program; prometheus?: ChildProcess; url: string } = { url: '' };
  const server = (): WarrenServer => state.server as WarrenServer;

  before(async () => {
    state.server = await startWarrenServer();
    await server().kubectl(`apply -k ${join(root, 'config/default')}`);
    await server().kubectl('wait --for=condition=Established crd/virtualclusters.warren.dev --timeout=30s');
    await server().kubectl('create serviceaccount watcher');
    await server().kubectl(
      'create clusterrolebinding watcher --clusterrole=system:monitoring --serviceaccount=default:watcher',
    );
    const [health, metrics] = [await freePort(), await freePort()];
    state.operator = await startProgram(
      [
        'operator',
        `--kubeconfig=${server().kubeconfig}`,
        '--image=warren:test',
        `--health-port=${health}`,
        `--metrics-port=${metrics}`,
      ],
      { cwd: server().folder, until: /operator runs/ },
    );
    const demo = { apiVersion: 'warren.dev/v1alpha1', kind: 'VirtualCluster', metadata: { name: 'demo' }, spec: {} };
    await server().kubectl('apply -f -', { input: JSON.stringify(demo) });
    await startPrometheus(metrics);
  });
  after(async () => {
    state.prometheus?.kill();
    await state.operator?.stop();
    await state.server?.[Symbol.asyncDispose]();
  });

  async function startPrometheus(operatorPort: number): Promise<void> {
    const { folder } = server();
    writeFileSync(join(folder, 'token'), await server().kubectl('create token watcher'));
    const config = {
      global: { scrape_interval: '1s' },
      scrape_configs: [
        {
          job_name: 'apiserver',
          scheme: 'https',
          tls_config: { insecure_skip_verify: true },
          authorization: { credentials_file: join(folder, 'token') },
          static_configs: [{ targets: [new URL(server().url).host] }],
        },
        {
          job_name: 'warren-metrics',
          honor_labels: true,
          static_configs: [{ targets: [`127.0.0.1:${operatorPort}`], labels: { pod: 'warren-0' } }],
        },
      ],
    };
    const port = await freePort();
    writeFileSync(join(folder, 'prometheus.yaml'), stringify(config));
    const flags = [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'series')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    state.prometheus = spawn('prometheus', flags, { stdio: 'ignore' });
    state.url = `http://127.0.0.1:${port}`;
    await eventually(async () => assert.deepEqual((await ask('up == 1')).length, 2), { timeoutMs: 60_000 });
  }

  async function ask(query: string): Promise<readonly unknown[]> {
    const response = await fetch(`${state.url}/api/v1/query?${new URLSearchParams({ query })}`);
    const { status, data, error } = (await response.json()) as {
      status: string;
      error?: string;
      data?: { result: unknown[] };
    };
    assert.equal(status, 'success', `${query}: ${error}`);
    return data?.result ?? [];
  }

  it('finds what the usual dashboards and alerts of Kubernetes ask for', async () => {
    const pod = { containers: [{ name: 'c', image: 'i' }] };
    const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'waits', namespace: 'default' }, spec: pod };
    await server().kubectl('apply -f -', { input: JSON.stringify(manifest) });
    await server().kubectl('get nodes');
    for (const [title, query] of Object.entries(usual))
      await eventually(async () => assert.ok((await ask(query)).length > 0, `${title}: ${query}`));
  });

  it("finds what each panel of the chart's dashboard asks for", async () => {
    const dashboard = JSON.parse(readFileSync(join(chart, 'dashboards', 'warren.json'), 'utf8')) as {
      panels: { title: string; targets?: { expr: string }[] }[];
    };
    const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
    assert.ok(queries.length >= 8);
    for (const { title, expr } of queries)
      await eventually(async () => assert.ok((await ask(expr)).length > 0, `${title}: ${expr}`));
  });

  it('may read as a monitor alone', async () => {
    await server().kubectl('create serviceaccount stranger');
    for (const [account, status] of [
      ['watcher', 200],
      ['stranger', 403],
    ] as const) {
      const token = (await server().kubectl(`create token ${account}`)).trim();
      for (const path of ['/metrics', '/metrics/slis']) {
        const flags = ['-sk', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Authorization: Bearer ${token}`];
        const { stdout } = await run('curl', [...flags, `${server().url}${path}`]);
        assert.equal(stdout, String(status), `${account} at ${path}`);
      }
    }
  });
});
