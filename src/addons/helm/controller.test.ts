import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { configmaps, events, jobs, namespaces, secrets, serviceaccounts } from '../../generated/resource-types.ts';
import { systemClock } from '../../std/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { type ControllerCluster, startControllerCluster } from '../../testing/controller-cluster.ts';
import { helmChartConfigs, helmCharts } from './helm-chart.ts';
import { runHelm } from './run-helm.ts';

const key = { namespace: 'kube-system', name: 'web' };
const installKey = { namespace: 'kube-system', name: 'helm-install-web' };

describe('a HelmChart', { timeout: 60_000 }, () => {
  const stop = new AbortController();
  let cluster: ControllerCluster;
  let running: Promise<void>;
  const chart = () => cluster.admin.get(helmCharts, key);
  const isComplete = (name: string): Promise<boolean> =>
    cluster.admin.get(jobs, { ...key, name }).then(
      (job) => job.status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') ?? false,
      () => false,
    );
  const reasons = async (): Promise<string[]> =>
    (await cluster.admin.list(events, { namespace: key.namespace })).items
      .filter(({ involvedObject }) => involvedObject.kind === 'HelmChart')
      .map(({ reason = '' }) => reason);

  before(async () => {
    cluster = await startControllerCluster();
    const { admin, informers } = cluster;
    await admin.create(namespaces, { metadata: { name: key.namespace }, spec: {} }).catch(() => undefined);
    const settings = { image: 'klipper:1', apiHost: '192.0.2.1', apiPort: 6443, proxyEnv: {} };
    const deps = { client: admin, informers, clock: systemClock, logger: silentLogger };
    running = runHelm(deps, settings, stop.signal).catch(() => undefined);
    await cluster.until('charts are served', () =>
      admin.list(helmCharts).then(
        () => true,
        () => false,
      ),
    );
  });
  after(async () => {
    stop.abort();
    await running;
    await cluster[Symbol.asyncDispose]();
  });

  it('is installed by a Job, with its values in a Secret', async () => {
    await cluster.admin.create(helmCharts, { metadata: key, spec: { chart: 'stable/web', valuesContent: 'a: 1' } });
    await cluster.until('the Job is done', () => isComplete('helm-install-web'));
    const { metadata, status } = await chart();
    assert.deepEqual(metadata.finalizers, ['wrangler.cattle.io/on-helm-chart-remove']);
    assert.equal(metadata.annotations?.['helmcharts.cattle.io/managed-by'], 'helm-controller');
    assert.deepEqual(status, {
      jobName: 'helm-install-web',
      conditions: [
        {
          type: 'JobCreated',
          status: 'True',
          reason: 'Job created',
          message: 'Applying HelmChart using Job kube-system/helm-install-web',
        },
        { type: 'Failed', status: 'False' },
      ],
    });
    const values = await cluster.admin.get(secrets, { ...key, name: 'chart-values-web' });
    assert.equal(Buffer.from(values.data?.['HelmChartValuesContent'] ?? '', 'base64').toString(), 'a: 1');
    await cluster.admin.get(configmaps, { ...key, name: 'chart-content-web' });
    await cluster.admin.get(serviceaccounts, { ...key, name: 'helm-web' });
    await cluster.until('it tells so', async () => {
      const seen = await reasons();
      return ['ApplyJob', 'ResumeJob'].every((reason) => seen.includes(reason));
    });
  });

  it('is upgraded by another Job when a config changes its values', async () => {
    const before = await cluster.admin.get(jobs, installKey);
    await cluster.admin.create(helmChartConfigs, { metadata: key, spec: { valuesContent: 'a: 2' } });
    await cluster.until('another Job is done', async () => {
      const next = await cluster.admin.get(jobs, installKey).catch(() => undefined);
      return next !== undefined && next.metadata?.uid !== before.metadata?.uid && isComplete('helm-install-web');
    });
    const values = await cluster.admin.get(secrets, { ...key, name: 'chart-values-web' });
    assert.deepEqual(Object.keys(values.data ?? {}).toSorted(), [
      'HelmChartConfigValuesContent',
      'HelmChartValuesContent',
    ]);
  });

  it('says that it needs another version of Helm', async () => {
    const name = 'old';
    await cluster.admin.create(helmCharts, { metadata: { ...key, name }, spec: { chart: 'c', helmVersion: 'v2' } });
    await cluster.until('its condition', async () => {
      const { status } = await cluster.admin.get(helmCharts, { ...key, name });
      return status?.conditions?.some(({ reason }) => reason === 'Unsupported version') ?? false;
    });
    await cluster.admin.delete(helmCharts, { ...key, name });
    await cluster.until('it goes without a Job', () =>
      cluster.admin.get(helmCharts, { ...key, name }).then(
        () => false,
        () => true,
      ),
    );
  });

  it('goes once a Job has removed it, and all that was made for it', async () => {
    await cluster.admin.delete(helmCharts, key);
    await cluster.until('the chart has gone', () =>
      chart().then(
        () => false,
        () => true,
      ),
    );
    await cluster.until('its Jobs have gone', async () => {
      const { items } = await cluster.admin.list(jobs, { namespace: key.namespace });
      return items.length === 0;
    });
    const left = await cluster.admin.list(secrets, { namespace: key.namespace });
    assert.deepEqual(
      left.items.filter(({ metadata }) => metadata?.name === 'chart-values-web'),
      [],
    );
    assert.ok((await reasons()).includes('RemoveJob'));
  });
});
