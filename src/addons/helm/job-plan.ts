import { createHash } from 'node:crypto';
import type { Job } from '../../generated/api/batch/v1.ts';
import type {
  Container,
  EnvVar,
  KeyToPath,
  PodSpec,
  Secret,
  Volume,
  VolumeProjection,
} from '../../generated/api/core/v1.ts';
import { parseDurationMs, toDurationText } from '../../machinery/values/duration.ts';
import { toHelmArgs } from './helm-args.ts';
import type { ChartSettings, HelmChart, HelmChartConfig, HelmChartSpec } from './helm-chart.ts';

/** What every Job is given that no chart says. */
export interface JobSettings {
  readonly image: string;
  /** How pods on the machines' own network reach the API. */
  readonly apiHost: string;
  readonly apiPort: number;
  /** Settings of the server for reaching the world, such as `HTTPS_PROXY`. */
  readonly proxyEnv: Readonly<Record<string, string>>;
}

/** What Helm's own records say of a chart. */
export interface Release {
  /** 0 where there is none. */
  readonly revision: number;
  readonly status?: string | undefined;
  /** Set by images that know of it. */
  readonly configHash?: string | undefined;
}

/** The Job, and the hash of all that it depends on. */
export interface JobPlan {
  readonly job: Job;
  readonly configHash: string;
}

export const CHART_LABEL = 'helmcharts.helm.cattle.io/chart';
/** On pods of Jobs as an annotation, on Helm's records as a label. */
export const HASH_KEY = 'helmcharts.helm.cattle.io/configHash';
const DEFAULT_BACKOFF_LIMIT = 1000;
/** Labels are no longer. */
const MAX_LABEL_LENGTH = 63;
const MODE = 0o644;

export function jobNameOf({ metadata }: HelmChart): string {
  return `helm-${metadata.deletionTimestamp === undefined ? 'install' : 'delete'}-${metadata.name}`;
}

/**
 * The Job that installs, upgrades or removes a chart. Suspended at first: it begins once its controller knows it.
 *
 * Source: helm-controller `pkg/controllers/chart/chart.go` (job, getJobAndRelatedResources).
 */
export function planJob(
  chart: HelmChart,
  config: HelmChartConfig | undefined,
  {
    settings,
    release,
    secretsOf,
  }: {
    readonly settings: JobSettings;
    readonly release: Release;
    /** Reads a Secret of the chart's namespace. */
    secretsOf(name: string): Secret | undefined;
  },
): JobPlan {
  const { metadata, spec = {} } = chart;
  const deleting = metadata.deletionTimestamp !== undefined;
  const overrides = deleting ? undefined : config?.spec;
  const env = toEnv(chart, overrides, settings);
  const podSpec = toPodSpec(chart, overrides, { settings, env });
  const labels = { [CHART_LABEL]: metadata.name ?? '' };
  const backoffLimit = spec.backOffLimit ?? DEFAULT_BACKOFF_LIMIT;
  const hash = createHash('sha256').update(JSON.stringify([backoffLimit, labels, podSpec]));
  if (!deleting) hash.update(hashedTexts(chart, config, secretsOf));
  const configHash = hash.digest('hex').toUpperCase();
  // Not part of the hash: each run changes them.
  const runEnv: EnvVar[] = [
    { name: 'EXPECTED_RELEASE_REVISION', value: String(release.revision) },
    { name: 'CONFIG_HASH', value: configHash.slice(0, MAX_LABEL_LENGTH) },
  ];
  const containers = podSpec.containers.map((container) => ({ ...container, env: [...env, ...runEnv] }));
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: jobNameOf(chart), namespace: metadata.namespace ?? '', labels },
    spec: {
      suspend: true,
      backoffLimit,
      template: {
        metadata: { annotations: { [HASH_KEY]: `SHA256=${configHash}` }, labels },
        spec: { ...podSpec, containers },
      },
    },
  };
  return { job, configHash: configHash.slice(0, MAX_LABEL_LENGTH) };
}

/** Where the Job finds values: all of a chart's own in one Secret. */
export function valuesData(chart: HelmChart, config: HelmChartConfig | undefined): Record<string, string> {
  const { spec = {} } = chart;
  const values: [key: string, text: string | undefined][] = [
    ['HelmChartValuesContent', spec.valuesContent],
    ['HelmChartValues', toValuesText(spec.values)],
    ['RepoCA', spec.repoCA],
    ['HelmChartConfigValuesContent', config?.spec?.valuesContent],
    ['HelmChartConfigValues', toValuesText(config?.spec?.values)],
  ];
  return Object.fromEntries(values.filter((entry): entry is [string, string] => Boolean(entry[1])));
}

export function contentData({ metadata, spec = {} }: HelmChart): Record<string, string> {
  return spec.chartContent ? { [`${metadata.name}.tgz.base64`]: spec.chartContent } : {};
}

/** JSON is YAML; nothing at all, or an empty object, is no values. */
function toValuesText(values: unknown): string | undefined {
  if (values === undefined || values === null) return undefined;
  const text = typeof values === 'string' ? values : JSON.stringify(values);
  return text === '{}' || text === '' ? undefined : text;
}

/** Secrets that values come from, of those whose changes matter. */
export function watchedSecrets(chart: HelmChart, config: HelmChartConfig | undefined): string[] {
  return [...(chart.spec?.valuesSecrets ?? []), ...(config?.spec?.valuesSecrets ?? [])].flatMap(
    ({ name, ignoreUpdates }) => (name && !ignoreUpdates && name !== valuesSecretName(chart) ? [name] : []),
  );
}

export const valuesSecretName = ({ metadata }: HelmChart): string => `chart-values-${metadata.name}`;
export const contentMapName = ({ metadata }: HelmChart): string => `chart-content-${metadata.name}`;
export const accountName = ({ metadata }: HelmChart): string => `helm-${metadata.name}`;

function hashedTexts(
  chart: HelmChart,
  config: HelmChartConfig | undefined,
  secretsOf: (name: string) => Secret | undefined,
): string {
  const own = [contentData(chart), valuesData(chart, config)];
  const others = watchedSecrets(chart, config).map((name) => secretsOf(name)?.data ?? {});
  const sorted = (data: Readonly<Record<string, string>>) =>
    Object.entries(data).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([...own, ...others].map(sorted));
}

function toEnv(chart: HelmChart, overrides: ChartSettings | undefined, settings: JobSettings): EnvVar[] {
  const { metadata, spec = {} } = chart;
  const { name = '', namespace = '' } = metadata;
  const ms = spec.timeout === undefined ? undefined : parseDurationMs(spec.timeout);
  const all: Record<string, string | undefined> = {
    NAME: name,
    VERSION: spec.version ?? '',
    REPO: spec.repo ?? '',
    HELM_DRIVER: spec.driver ?? 'secret',
    CHART_NAMESPACE: namespace,
    CHART: spec.repo ? `${name}/${spec.chart ?? ''}` : (spec.chart ?? ''),
    HELM_VERSION: spec.helmVersion ?? '',
    TARGET_NAMESPACE: spec.targetNamespace || namespace,
    AUTH_PASS_CREDENTIALS: String(spec.authPassCredentials ?? false),
    INSECURE_SKIP_TLS_VERIFY: String(spec.insecureSkipTLSVerify ?? false),
    PLAIN_HTTP: String(spec.plainHTTP ?? false),
    TIMEOUT: ms === undefined ? undefined : toDurationText(ms),
    // Pods of their own network cannot count on Services before the cluster's is there.
    ...(spec.bootstrap
      ? {
          KUBERNETES_SERVICE_HOST: settings.apiHost,
          KUBERNETES_SERVICE_PORT: String(settings.apiPort),
          BOOTSTRAP: 'true',
        }
      : {}),
    ...settings.proxyEnv,
    FAILURE_POLICY: overrides?.failurePolicy ?? spec.failurePolicy ?? 'reinstall',
    SERVER_SIDE: overrides?.serverSide ?? spec.serverSide ?? 'auto',
    FORCE_CONFLICTS: String(overrides?.forceConflicts ?? spec.forceConflicts ?? false),
  };
  return Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [{ name: key, value }]));
}

/** Folders that Helm writes to: the root is read-only. */
const scratch: readonly (readonly [name: string, path: string])[] = [
  ['klipper-helm', '/home/klipper-helm/.helm'],
  ['klipper-cache', '/home/klipper-helm/.cache'],
  ['klipper-config', '/home/klipper-helm/.config'],
  ['tmp', '/tmp'],
];

function toPodSpec(
  chart: HelmChart,
  overrides: ChartSettings | undefined,
  { settings, env }: { readonly settings: JobSettings; readonly env: EnvVar[] },
): PodSpec & { containers: Container[] } {
  const { spec = {} } = chart;
  const mounted = toMounts(chart, overrides);
  return {
    restartPolicy: 'OnFailure',
    serviceAccountName: accountName(chart),
    priorityClassName: 'system-cluster-critical',
    securityContext: spec.podSecurityContext ?? { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    ...(spec.bootstrap ? { hostNetwork: true, tolerations: bootstrapTolerations } : {}),
    containers: [
      {
        name: 'helm',
        image: spec.jobImage?.trim() || settings.image,
        imagePullPolicy: 'IfNotPresent',
        args: toHelmArgs(chart),
        env,
        securityContext: spec.securityContext ?? {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
        },
        volumeMounts: [
          ...scratch.map(([name, mountPath]) => ({ name, mountPath })),
          ...mounted.map(({ volume, path }) => ({ name: volume.name, mountPath: path })),
        ],
      },
    ],
    volumes: [
      ...scratch.map(([name]) => ({ name, emptyDir: { medium: 'Memory' } })),
      ...mounted.map(({ volume }) => volume),
    ],
  };
}

const bootstrapTolerations = [
  { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' },
  { key: 'node.cloudprovider.kubernetes.io/uninitialized', operator: 'Equal', value: 'true', effect: 'NoSchedule' },
  { key: 'CriticalAddonsOnly', operator: 'Exists' },
  { key: 'node-role.kubernetes.io/etcd', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' },
];

function toMounts(
  chart: HelmChart,
  overrides: ChartSettings | undefined,
): { readonly volume: Volume; readonly path: string }[] {
  const { authSecret, dockerRegistrySecret, repoCAConfigMap }: HelmChartSpec = chart.spec ?? {};
  const found: { volume: Volume; path: string }[] = [];
  if (authSecret !== undefined) {
    const secret = { secretName: authSecret.name ?? '', defaultMode: MODE };
    found.push({ volume: { name: 'auth', secret }, path: '/auth' });
  }
  if (dockerRegistrySecret !== undefined) {
    const items = [{ key: '.dockerconfigjson', path: 'config.json' }];
    const secret = { secretName: dockerRegistrySecret.name ?? '', defaultMode: MODE, items };
    found.push({ volume: { name: 'dockerconfig', secret }, path: '/home/klipper-helm/.docker' });
  }
  if (repoCAConfigMap !== undefined) {
    const configMap = { name: repoCAConfigMap.name ?? '', defaultMode: MODE };
    found.push({ volume: { name: 'ca-files', configMap }, path: '/ca-files' });
  }
  if (chart.metadata.deletionTimestamp !== undefined) return found;
  const projected = { defaultMode: MODE, sources: valuesSources(chart, overrides) };
  const content = { name: contentMapName(chart), defaultMode: MODE };
  return [
    ...found,
    { volume: { name: 'values', projected }, path: '/config' },
    { volume: { name: 'content', configMap: content }, path: '/chart' },
  ];
}

/** Names of the files decide which values win: later ones. */
function valuesSources(chart: HelmChart, overrides: ChartSettings | undefined): VolumeProjection[] {
  const own = valuesSecretName(chart);
  const present = valuesData(chart, overrides === undefined ? undefined : { metadata: {}, spec: overrides });
  const files: Record<string, string> = {
    HelmChartValuesContent: 'values-0-000-HelmChart-ValuesContent.yaml',
    HelmChartValues: 'values-0-001-HelmChart-Values.yaml',
    RepoCA: 'ca-file.pem',
    HelmChartConfigValuesContent: 'values-1-000-HelmChartConfig-ValuesContent.yaml',
    HelmChartConfigValues: 'values-1-001-HelmChartConfig-Values.yaml',
  };
  const items: KeyToPath[] = Object.keys(present).map((key) => ({ key, path: files[key] ?? key }));
  const fromSecrets = ({ valuesSecrets = [] }: ChartSettings, prefix: string): VolumeProjection[] => {
    let place = 1;
    return valuesSecrets.flatMap(({ name = '', keys = [], ignoreUpdates = false }) => {
      if (keys.length === 0 || name === own) return [];
      const places = keys.map((key) => {
        place++;
        return {
          key,
          path: `values-${prefix}-${String(place).padStart(3, '0')}-${prefix === '0' ? 'HelmChart' : 'HelmChartConfig'}-ValuesSecret.yaml`,
        };
      });
      return [{ secret: { name, optional: ignoreUpdates, items: places } }];
    });
  };
  return [
    { secret: { name: own, items } },
    ...fromSecrets(chart.spec ?? {}, '0'),
    ...(overrides === undefined ? [] : fromSecrets(overrides, '1')),
  ];
}
