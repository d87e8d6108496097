import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '../../generated/api/batch/v1.ts';
import { latestRelease, planClaim, planJobStep } from './chart-plan.ts';
import { toHelmArgs, toSourceText } from './helm-args.ts';
import type { HelmChart, HelmChartConfig, HelmChartSpec } from './helm-chart.ts';
import { type JobSettings, planJob, type Release, valuesData } from './job-plan.ts';

const settings: JobSettings = { image: 'klipper:1', apiHost: '192.0.2.1', apiPort: 6443, proxyEnv: {} };
const chartWith = (spec: HelmChartSpec, metadata: Partial<HelmChart['metadata']> = {}): HelmChart => ({
  metadata: { name: 'web', namespace: 'kube-system', ...metadata },
  spec: { chart: 'stable/web', ...spec },
});
const none: Release = { revision: 0 };
const deleted = { deletionTimestamp: '2030-01-01T00:00:00Z' };
const plan = (chart: HelmChart, config?: HelmChartConfig, release = none, secret: Record<string, string> = {}) =>
  planJob(chart, config, { settings, release, secretsOf: () => ({ metadata: {}, data: secret }) });
const podOf = ({ job }: { job: Job }) => job.spec?.template.spec;
const envOf = (planned: { job: Job }): Record<string, string | undefined> =>
  Object.fromEntries((podOf(planned)?.containers[0]?.env ?? []).map(({ name, value }) => [name, value]));

describe('the arguments of Helm', () => {
  const rows: Record<string, [chart: HelmChart, args: string]> = {
    install: [chartWith({}), 'install'],
    delete: [chartWith({ version: '1' }, deleted), 'delete'],
    'name namespace and version': [
      chartWith({ targetNamespace: 'apps', createNamespace: true, takeOwnership: true, version: '1.2.3' }),
      'install --namespace apps --create-namespace --take-ownership --version 1.2.3',
    ],
    'set typed values and text, sorted, with commas escaped': [
      chartWith({
        set: { 'z.on': 'TRUE', a: 3, 'c.cidr': '10.0.0.0/8,fd00::/8', b: '1.0', n: 'null', d: String.raw`x\,y` },
      }),
      String.raw`install --set a=3 --set-string b=1.0 --set-string c.cidr=10.0.0.0/8\,fd00::/8 --set-string d=x\,y --set n=null --set z.on=TRUE`,
    ],
  };
  for (const [title, [chart, args]] of Object.entries(rows)) {
    it(title, () => assert.equal(toHelmArgs(chart).join(' '), args));
  }
});

describe('the source of a chart', () => {
  const rows: Record<string, HelmChartSpec> = {
    'inline spec.chartContent': { chartContent: 'AAAA' },
    'version 1 from OCI registry oci://r/c': { chart: 'oci://r/c', version: '1' },
    'latest stable version from OCI registry oci://r/c': { chart: 'oci://r/c' },
    'https://r/c.tgz': { chart: 'https://r/c.tgz', version: '1' },
    'c version 1 from chart repository https://r': { chart: 'c', repo: 'https://r', version: '1' },
    'latest stable version of c from chart repository https://r': { chart: 'c', repo: 'https://r' },
  };
  for (const [text, spec] of Object.entries(rows)) {
    it(`reads "${text}"`, () => assert.equal(toSourceText(chartWith(spec)), text));
  }
});

describe('the Job of a chart', () => {
  it('is named by what it does', () => {
    assert.equal(plan(chartWith({})).job.metadata?.name, 'helm-install-web');
    assert.equal(plan(chartWith({}, deleted)).job.metadata?.name, 'helm-delete-web');
  });

  it('has the defaults of upstream', () => {
    const planned = plan(chartWith({ repo: 'https://r', timeout: '300s' }));
    assert.deepEqual([planned.job.spec?.suspend, planned.job.spec?.backoffLimit], [true, 1000]);
    assert.equal(podOf(planned)?.containers[0]?.image, 'klipper:1');
    assert.deepEqual(envOf(planned), {
      NAME: 'web',
      VERSION: '',
      REPO: 'https://r',
      HELM_DRIVER: 'secret',
      CHART_NAMESPACE: 'kube-system',
      CHART: 'web/stable/web',
      HELM_VERSION: '',
      TARGET_NAMESPACE: 'kube-system',
      AUTH_PASS_CREDENTIALS: 'false',
      INSECURE_SKIP_TLS_VERIFY: 'false',
      PLAIN_HTTP: 'false',
      TIMEOUT: '5m0s',
      FAILURE_POLICY: 'reinstall',
      SERVER_SIDE: 'auto',
      FORCE_CONFLICTS: 'false',
      EXPECTED_RELEASE_REVISION: '0',
      CONFIG_HASH: planned.configHash,
    });
  });

  it('mounts Secrets and certificates that the chart names', () => {
    const pod = podOf(
      plan(
        chartWith({ authSecret: { name: 'a' }, dockerRegistrySecret: { name: 'd' }, repoCAConfigMap: { name: 'c' } }),
      ),
    );
    const mounts = pod?.containers[0]?.volumeMounts?.map(({ name, mountPath }) => `${name} ${mountPath}`).slice(4);
    assert.deepEqual(mounts, [
      'auth /auth',
      'dockerconfig /home/klipper-helm/.docker',
      'ca-files /ca-files',
      'values /config',
      'content /chart',
    ]);
  });

  it('runs early where the chart is for the bootstrap', () => {
    const planned = plan(chartWith({ bootstrap: true }));
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, BOOTSTRAP: bootstrap } = envOf(planned);
    assert.deepEqual([host, port, bootstrap, podOf(planned)?.hostNetwork], ['192.0.2.1', '6443', 'true', true]);
  });

  it('takes the settings of the config before those of the chart', () => {
    const config: HelmChartConfig = {
      metadata: {},
      spec: { failurePolicy: 'abort', forceConflicts: true, valuesContent: 'a: 2' },
    };
    const chart = chartWith({ failurePolicy: 'retry', serverSide: 'true', valuesContent: 'a: 1', values: { b: 1 } });
    const { FAILURE_POLICY, SERVER_SIDE, FORCE_CONFLICTS } = envOf(plan(chart, config));
    assert.deepEqual([FAILURE_POLICY, SERVER_SIDE, FORCE_CONFLICTS], ['abort', 'true', 'true']);
    assert.deepEqual(valuesData(chart, config), {
      HelmChartValuesContent: 'a: 1',
      HelmChartValues: '{"b":1}',
      HelmChartConfigValuesContent: 'a: 2',
    });
  });

  it('changes its hash with everything that matters, and with nothing else', () => {
    const hashOf = (...args: Parameters<typeof plan>): string => plan(...args).configHash;
    const first = hashOf(chartWith({}));
    const withSecret = chartWith({ valuesSecrets: [{ name: 's', keys: ['k'] }] });
    const ignoring = chartWith({ valuesSecrets: [{ name: 's', keys: ['k'], ignoreUpdates: true }] });
    assert.equal(hashOf(chartWith({}), undefined, { revision: 7 }), first);
    assert.notEqual(hashOf(chartWith({ valuesContent: 'a: 1' })), first);
    assert.notEqual(hashOf(chartWith({ backOffLimit: 1 })), first);
    assert.notEqual(hashOf(chartWith({}), { metadata: {}, spec: { failurePolicy: 'abort' } }), first);
    assert.notEqual(hashOf(withSecret, undefined, none, { k: '1' }), hashOf(withSecret, undefined, none, { k: '2' }));
    assert.equal(hashOf(ignoring, undefined, none, { k: '1' }), hashOf(ignoring, undefined, none, { k: '2' }));
  });
});

describe('planJobStep', () => {
  const chart = chartWith({});
  const gone = chartWith({}, deleted);
  const stored = (of: HelmChart, status: Job['status'], more: { suspend?: boolean; generation?: number } = {}): Job => {
    const { job } = plan(of);
    const spec = { ...job.spec, suspend: more.suspend ?? false } as Job['spec'];
    return {
      ...job,
      metadata: { ...job.metadata, generation: more.generation ?? 2 },
      ...(spec ? { spec } : {}),
      ...(status ? { status } : {}),
    };
  };
  const condition = (type: string) => ({ conditions: [{ type, status: 'True' }] });
  const complete = condition('Complete');
  const other = chartWith({ valuesContent: 'changed: 1' });
  const hash = plan(chart).configHash;
  const rows: Record<string, [chart: HelmChart, present: Job | undefined, release: Release, step: string]> = {
    'makes one where there is none': [chart, undefined, none, 'create'],
    'waits for the controller of Jobs': [chart, stored(chart, {}, { suspend: true, generation: 1 }), none, 'keep'],
    'lets it run once that knows it': [
      chart,
      stored(chart, condition('Suspended'), { suspend: true, generation: 1 }),
      none,
      'resume',
    ],
    'keeps one that runs': [chart, stored(chart, { active: 1 }), none, 'keep'],
    'keeps one that is done, with an image that labels no release': [
      chart,
      stored(chart, complete),
      { revision: 1, status: 'deployed' },
      'keep',
    ],
    'keeps one that brought the release': [
      chart,
      stored(chart, complete),
      { revision: 1, status: 'deployed', configHash: hash },
      'keep',
    ],
    'repeats one whose release was rolled back': [
      chart,
      stored(chart, complete),
      { revision: 2, status: 'deployed', configHash: 'OTHER' },
      'replace',
    ],
    'replaces one that is done for another state of the chart': [other, stored(chart, complete), none, 'replace'],
    'waits for the pods of a run that is not wished any more': [
      other,
      stored(chart, { active: 1, ...condition('Suspended') }),
      none,
      'wait',
    ],
    'waits until the controller has seen what is to go': [other, stored(chart, {}), none, 'wait'],
    'keeps a removal that runs': [gone, stored(gone, { active: 1 }), none, 'keep'],
    'ends with the removal': [gone, stored(gone, complete), none, 'removed'],
  };
  for (const [title, [of, present, release, step]] of Object.entries(rows)) {
    it(title, () => assert.equal(planJobStep(of, present, plan(of, undefined, release), release).step, step));
  }
});

describe('the chart', () => {
  const rows: Record<string, [chart: HelmChart, claim: string]> = {
    'is claimed first': [chartWith({}), 'unclaimed'],
    'is ours by its annotation': [
      chartWith({}, { annotations: { 'helmcharts.cattle.io/managed-by': 'helm-controller' } }),
      'ours',
    ],
    'may be of another controller': [
      chartWith({}, { annotations: { 'helmcharts.cattle.io/managed-by': 'other' } }),
      'others',
    ],
    'may be unmanaged': [chartWith({}, { annotations: { 'helmcharts.helm.cattle.io/unmanaged': '' } }), 'others'],
    'may name no chart': [chartWith({ chart: '' }), 'others'],
  };
  for (const [title, [chart, claim]] of Object.entries(rows)) {
    it(title, () => assert.equal(planClaim(chart), claim));
  }

  it('has the release with the highest version', () => {
    const labels = (version: string, status: string) => ({ labels: { version, status } });
    assert.deepEqual(latestRelease([labels('2', 'superseded'), labels('10', 'deployed'), labels('x', 'failed'), {}]), {
      revision: 10,
      status: 'deployed',
      configHash: undefined,
    });
  });
});
