import type { Client } from '../../client/client.ts';
import { createEventRecorder, type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer, Lister } from '../../client/informer.ts';
import type { Job } from '../../generated/api/batch/v1.ts';
import type { Secret } from '../../generated/api/core/v1.ts';
import {
  clusterrolebindings,
  configmaps,
  jobs as jobType,
  secrets as secretType,
  serviceaccounts,
} from '../../generated/resource-types.ts';
import { isConflict, isForbidden, isNotFound } from '../../machinery/errors/status-error.ts';
import { type AnyObject, type KubeObject, keyOf, type ResourceType, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { AddonDeps } from '../deps.ts';
import { toSetMarks, withMarks } from '../manifests/set-marks.ts';
import {
  CONTROLLER_NAME,
  claimPatch,
  FAILED_MESSAGE,
  hasCondition,
  isSupported,
  latestRelease,
  planClaim,
  planJobStep,
  toConditions,
  unsupportedConditions,
} from './chart-plan.ts';
import { toSourceText } from './helm-args.ts';
import {
  type HelmChart,
  type HelmChartCondition,
  type HelmChartConfig,
  helmChartConfigs,
  helmCharts,
} from './helm-chart.ts';
import {
  accountName,
  CHART_LABEL,
  contentData,
  contentMapName,
  type JobSettings,
  jobNameOf,
  planJob,
  type Release,
  valuesData,
  valuesSecretName,
  watchedSecrets,
} from './job-plan.ts';

/** Source: wrangler `pkg/generic/remove.go`, helm-controller (`on-helm-chart-remove`). */
const FINALIZER = 'wrangler.cattle.io/on-helm-chart-remove';
const SET_ID = `${CONTROLLER_NAME}-chart-registration`;
const VALUES_TYPE = 'helmcharts.helm.cattle.io/values';
const RELEASE_TYPE = 'helm.sh/release.v1';
/** What Jobs may do: charts hold anything. Source: k3s `pkg/server/server.go`. */
const JOB_ROLE = 'cluster-admin';
const WAIT_MS = 1_000;

interface Listers {
  readonly charts: Informer<HelmChart>;
  readonly configs: Lister<HelmChartConfig>;
  readonly jobs: Lister<Job & KubeObject>;
  readonly secrets: Lister<Secret & KubeObject>;
}

/** Installs charts by Jobs that run Helm. Source: helm-controller `pkg/controllers/chart/chart.go`. */
class HelmCharts implements Reconciler {
  readonly #client: Client;
  readonly #events: EventRecorder;
  readonly #listers: Listers;
  readonly #settings: JobSettings;

  constructor(client: Client, events: EventRecorder, listers: Listers, settings: JobSettings) {
    this.#client = client;
    this.#events = events;
    this.#listers = listers;
    this.#settings = settings;
  }

  async reconcile(key: string): Promise<Result> {
    const chart = this.#listers.charts.get(key);
    if (chart === undefined) return done;
    const claim = planClaim(chart);
    if (claim === 'others') return done;
    try {
      if (claim === 'unclaimed') {
        await this.#client.patch(helmCharts, keyOf(chart), claimPatch, { type: 'merge' });
        return done;
      }
      return chart.metadata.deletionTimestamp === undefined ? await this.#install(chart) : await this.#remove(chart);
    } catch (error) {
      // A newer state of the chart comes as an event.
      if (isConflict(error) || isNotFound(error)) return { requeueAfterMs: WAIT_MS };
      throw error;
    }
  }

  async #install(chart: HelmChart): Promise<Result> {
    const finalizers = chart.metadata.finalizers ?? [];
    if (!finalizers.includes(FINALIZER)) {
      // Its change brings the chart here again.
      await this.#setFinalizers(chart, [...finalizers, FINALIZER]);
      return done;
    }
    if (!isSupported(chart)) {
      const message = `Unsupported Helm version ${chart.spec?.helmVersion}: only v3 charts are supported`;
      if (await this.#writeStatus(chart, { conditions: unsupportedConditions }))
        this.#tell(chart, 'Warning', 'UnsupportedVersion', message);
      return done;
    }
    const present = this.#jobOf(chart);
    if (
      hasCondition(present, 'Failed') &&
      (await this.#writeStatus(chart, { conditions: toConditions(chart, { failed: true }) }))
    )
      this.#tell(chart, 'Warning', 'JobFailed', FAILED_MESSAGE);
    return this.#advance(chart, present, async (job) => {
      const from = toSourceText(chart);
      this.#tell(chart, 'Normal', 'ApplyJob', `Applying HelmChart from ${from} using Job ${toKeyText(keyOf(job))} `);
      await this.#writeStatus(chart, {
        jobName: job.metadata.name ?? '',
        conditions: toConditions(chart, { failed: false }),
      });
    });
  }

  async #remove(chart: HelmChart): Promise<Result> {
    if (!(chart.metadata.finalizers ?? []).includes(FINALIZER)) return done;
    if (!isSupported(chart)) return this.#release(chart);
    try {
      return await this.#advance(chart, this.#jobOf(chart), async (job) => {
        const name = toKeyText(keyOf(job));
        this.#tell(chart, 'Normal', 'RemoveJob', `Uninstalling HelmChart using Job ${name} `);
        await this.#writeStatus(chart, { jobName: job.metadata.name ?? '' });
        // What the installation left to do must not work against the removal.
        await this.#deleteAll(chart, [
          [jobType, `helm-install-${chart.metadata.name}`],
          [secretType, valuesSecretName(chart)],
          [configmaps, contentMapName(chart)],
        ]);
      });
    } catch (error) {
      // A namespace that ends takes its charts along; nothing new can be made there.
      if (isForbidden(error) && /being terminated/.test((error as Error).message)) return this.#release(chart);
      throw error;
    }
  }

  /** Brings the chart's Job a step further. `announce` is called before a new one is made. */
  async #advance(
    chart: HelmChart,
    present: Job | undefined,
    announce: (job: Job & KubeObject) => Promise<void>,
  ): Promise<Result> {
    const { namespace = '' } = chart.metadata;
    const config = this.#configOf(chart);
    const release = await this.#releaseOf(chart);
    const secretsOf = (name: string) => this.#listers.secrets.get(toKeyText({ namespace, name }));
    const plan = planJob(chart, config, { settings: this.#settings, release, secretsOf });
    const job = plan.job as Job & KubeObject;
    const { step } = planJobStep(chart, present, plan, release);
    switch (step) {
      case 'keep':
        return done;
      case 'resume':
        await this.#setSuspended(chart, { suspend: false });
        return done;
      case 'wait':
        // Of no use any more, so its pods may go.
        if (present?.metadata?.deletionTimestamp === undefined && present?.spec?.suspend !== true)
          await this.#setSuspended(chart, { suspend: true });
        return { requeueAfterMs: WAIT_MS };
      case 'replace':
        await this.#deleteAll(chart, [[jobType, job.metadata.name ?? '']]);
        return { requeueAfterMs: WAIT_MS };
      case 'removed': {
        const name = toKeyText(keyOf(job));
        this.#tell(chart, 'Normal', 'RemoveJob', `Uninstalled HelmChart using Job ${name}, removing resources`);
        return this.#release(chart);
      }
      case 'create':
        await announce(job);
        for (const [type, object] of this.#helpersOf(chart, config)) await this.#apply(chart, type, object);
        await this.#client.create(jobType as ResourceType<Job & KubeObject>, withMarks(job, marksOf(chart)));
        return done;
      default:
        return step satisfies never;
    }
  }

  /** What the Job's pod needs beside itself. */
  #helpersOf(chart: HelmChart, config: HelmChartConfig | undefined): [ResourceType, AnyObject][] {
    const { name, namespace = '' } = chart.metadata;
    const account = accountName(chart);
    const subjects = [{ kind: 'ServiceAccount', name: account, namespace }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: JOB_ROLE };
    const helpers: [ResourceType, AnyObject][] = [
      [serviceaccounts, { metadata: { name: account, namespace }, automountServiceAccountToken: true }],
      [clusterrolebindings, { metadata: { name: `helm-${namespace}-${name}` }, roleRef, subjects }],
    ];
    if (chart.metadata.deletionTimestamp !== undefined) return helpers;
    const data = Object.fromEntries(
      Object.entries(valuesData(chart, config)).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
    );
    return [
      [secretType, { metadata: { name: valuesSecretName(chart), namespace }, type: VALUES_TYPE, data }],
      [configmaps, { metadata: { name: contentMapName(chart), namespace }, data: contentData(chart) }],
      ...helpers,
    ];
  }

  async #apply(chart: HelmChart, type: ResourceType, object: AnyObject): Promise<void> {
    const { group, version, kind } = type;
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const wanted = withMarks({ ...object, apiVersion, kind }, marksOf(chart));
    const options = { type: 'apply', force: true, fieldManager: CONTROLLER_NAME } as const;
    await this.#client.patch(type as ResourceType<AnyObject>, keyOf(object), wanted, options);
  }

  /** Takes everything away that was made for the chart, and lets it go. */
  async #release(chart: HelmChart): Promise<Result> {
    const { name, namespace } = chart.metadata;
    await this.#deleteAll(chart, [
      [jobType, `helm-install-${name}`],
      [jobType, `helm-delete-${name}`],
      [secretType, valuesSecretName(chart)],
      [configmaps, contentMapName(chart)],
      [serviceaccounts, accountName(chart)],
      [clusterrolebindings, `helm-${namespace}-${name}`],
    ]);
    const { finalizers = [] } = chart.metadata;
    await this.#setFinalizers(
      chart,
      finalizers.filter((each) => each !== FINALIZER),
    );
    return done;
  }

  async #deleteAll(chart: HelmChart, names: readonly (readonly [ResourceType, string])[]): Promise<void> {
    const { namespace } = chart.metadata;
    for (const [type, name] of names) {
      const key = type.namespaced ? { namespace, name } : { name };
      await this.#client
        .delete(type as ResourceType<AnyObject>, key, { propagationPolicy: 'Background' })
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
    }
  }

  /** Says nothing where the Job is so already, or has gone. */
  async #setSuspended(chart: HelmChart, { suspend }: { readonly suspend: boolean }): Promise<void> {
    const key = { namespace: chart.metadata.namespace, name: jobNameOf(chart) };
    const patch = [
      { op: 'test', path: '/spec/suspend', value: !suspend },
      { op: 'replace', path: '/spec/suspend', value: suspend },
    ];
    await this.#client.patch(jobType as ResourceType<Job & KubeObject>, key, patch, { type: 'json' });
    const message = suspend ? `Suspended Job ${toKeyText(key)} for delete` : `Resumed synced Job ${toKeyText(key)}`;
    this.#tell(chart, 'Normal', suspend ? 'SuspendJob' : 'ResumeJob', message);
  }

  async #releaseOf(chart: HelmChart): Promise<Release> {
    const { namespace, name } = chart.metadata;
    const where = {
      namespace: chart.spec?.targetNamespace || namespace,
      labelSelector: `owner=helm,name=${name}`,
    };
    const { items } =
      chart.spec?.driver === 'configmap'
        ? await this.#client.list(configmaps as ResourceType<KubeObject>, where)
        : await this.#client.list(secretType as ResourceType<KubeObject>, {
            ...where,
            fieldSelector: `type=${RELEASE_TYPE}`,
          });
    return latestRelease(items.map(({ metadata: { labels = {} } }) => ({ labels })));
  }

  /** Whether there was anything to write. */
  async #writeStatus(
    chart: HelmChart,
    status: { readonly jobName?: string; readonly conditions?: readonly HelmChartCondition[] },
  ): Promise<boolean> {
    const next = { ...chart.status, ...status };
    if (JSON.stringify(sorted(next)) === JSON.stringify(sorted(chart.status ?? {}))) return false;
    await this.#client.patch(helmCharts, keyOf(chart), { status }, { type: 'merge', subresource: 'status' });
    return true;
  }

  async #setFinalizers(chart: HelmChart, finalizers: readonly string[]): Promise<void> {
    const { resourceVersion } = await this.#client.get(helmCharts, keyOf(chart)).then(({ metadata }) => {
      const same = JSON.stringify(metadata.finalizers ?? []) === JSON.stringify(chart.metadata.finalizers ?? []);
      // Others' finalizers that came meanwhile must not get lost.
      return same ? metadata : chart.metadata;
    });
    const patch = { metadata: { finalizers, resourceVersion } };
    await this.#client.patch(helmCharts, keyOf(chart), patch, { type: 'merge' });
  }

  #jobOf(chart: HelmChart): Job | undefined {
    return this.#listers.jobs.get(toKeyText({ namespace: chart.metadata.namespace, name: jobNameOf(chart) }));
  }

  #configOf(chart: HelmChart): HelmChartConfig | undefined {
    return this.#listers.configs.get(toKeyText(keyOf(chart)));
  }

  #tell(chart: HelmChart, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event(referenceTo(helmCharts, chart), type, reason, message);
  }
}

function marksOf(chart: HelmChart) {
  return toSetMarks(helmCharts, keyOf(chart), SET_ID);
}

/** Fields in one order, for a comparison. */
function sorted({
  jobName = '',
  conditions = [],
}: NonNullable<HelmChart['status']> | { jobName?: string; conditions?: readonly HelmChartCondition[] }) {
  const rows = conditions.map(({ type, status, reason = '', message = '' }) => [type, status, reason, message]);
  return [jobName, rows];
}

/** Runs the controller until aborted. The definitions of charts must be served. */
export function runHelmCharts(deps: AddonDeps, settings: JobSettings, signal: AbortSignal): Promise<void> {
  const { client, informers, clock, logger } = deps;
  const charts = informers.for(helmCharts);
  const configs = informers.for(helmChartConfigs);
  const jobs = informers.for(jobType as ResourceType<Job & KubeObject>);
  const secrets = informers.for(secretType as ResourceType<Secret & KubeObject>);
  const events = createEventRecorder({ client, component: CONTROLLER_NAME, clock, logger, signal });
  const sources = [
    onChange(charts),
    onChange(configs),
    onChange(jobs, ({ object: { metadata } }) => {
      const name = metadata.labels?.[CHART_LABEL];
      return name === undefined ? [] : [toKeyText({ namespace: metadata.namespace, name })];
    }),
    onChange(secrets, ({ object: { metadata } }) =>
      charts.list(metadata.namespace ?? '').flatMap((chart) => {
        const key = toKeyText(keyOf(chart));
        return watchedSecrets(chart, configs.get(key)).includes(metadata.name ?? '') ? [key] : [];
      }),
    ),
  ];
  const reconciler = new HelmCharts(client, events, { charts, configs, jobs, secrets }, settings);
  return runController(
    { name: CONTROLLER_NAME, reconciler, sources, clock, logger, backoff: { maxMs: 60_000 } },
    signal,
  );
}
