import type { Clock } from '../../std/clock.ts';
import type { SeriesId } from '../../telemetry/metrics/family.ts';
import { exponentialBuckets, linearBuckets } from '../../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { Call, CallTrace } from '../call.ts';
import { isLong } from '../filters/deadline.ts';
import { InFlight } from './in-flight.ts';
import { labelsOf, type RequestLabels, scopeOf, verbOf } from './request-labels.ts';

const DURATIONS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'];
const LABELS_DRY = ['verb', 'dry_run', ...LABELS.slice(1)];
const bodyVerbs: Readonly<Record<string, string>> = {
  create: 'create',
  update: 'update',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'delete_collection',
};

/** Where a kind of request is counted; what is counted seldom is found when it is needed. */
interface RequestSeries {
  readonly labels: RequestLabels;
  readonly byCode: Map<number, SeriesId>;
  readonly duration: SeriesId;
  sli: SeriesId | undefined;
  size: SeriesId | undefined;
  body: SeriesId | undefined;
}

/** How a request ended. */
export interface RequestOutcome {
  /** 0: the connection was taken over. */
  readonly code: number;
  /** Bytes of the answer, where they are known. */
  readonly bytes?: number | undefined;
}

/**
 * Requests by what they ask and how they end, under kube-apiserver's names. Requests that no handler of the API has seen
 * (refused, or for paths that nobody serves) are not counted as requests, as upstream does not.
 */
export class RequestMetrics {
  readonly #clock: Clock;
  readonly #known = new Map<string, RequestSeries>();
  /** Resources that somebody was served: what nobody serves must not make series without end. */
  readonly #served = new Set<string>();
  readonly #inFlight: InFlight;
  readonly #families;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    this.#inFlight = new InFlight(registry, clock);
    this.#families = familiesOf(registry);
  }

  /** A request begins. @returns what to call when it has its answer; a stream's end is told otherwise */
  begin({ info, method }: Call): () => void {
    return isLong(info)
      ? nothing
      : this.#inFlight.begin(method === 'GET' || method === 'HEAD' ? 'readOnly' : 'mutating');
  }

  /** A request is over, to the last byte of a stream. */
  end(call: Call, trace: CallTrace, { code, bytes }: RequestOutcome): void {
    if (code === 429 || code === 504) this.#terminated(call, code);
    const labels = code === 429 && trace.route === undefined ? this.#droppedLabels(call) : labelsOf(call, trace);
    if (labels === undefined) return;
    const { total, duration, sli, size, body } = this.#families;
    const series = this.#seriesOf(labels);
    let counted = series.byCode.get(code);
    if (counted === undefined) {
      counted = total.series(...valuesOf(labels, 'dry'), String(code));
      series.byCode.set(code, counted);
    }
    total.add(counted);
    if (trace.route === undefined) return;
    if (trace.route === 'resource') this.#served.add(nameOf(call));
    const tookMs = Math.max(0, this.#clock.nowMs() - call.startedMs);
    duration.observe(series.duration, tookMs / 1000);
    if (labels.dryRun === '') {
      series.sli ??= sli.series(...valuesOf(labels));
      sli.observe(series.sli, Math.max(0, tookMs - trace.waitedMs) / 1000);
    }
    if (bytes !== undefined && (labels.verb === 'GET' || labels.verb === 'LIST' || labels.verb === 'WATCH')) {
      series.size ??= size.series(...valuesOf(labels));
      size.observe(series.size, bytes);
    }
    const bodyVerb = trace.bodyBytes === undefined ? undefined : bodyVerbs[call.info.verb];
    if (trace.bodyBytes !== undefined && bodyVerb !== undefined) {
      series.body ??= body.series(labels.group, labels.resource, bodyVerb);
      body.observe(series.body, trace.bodyBytes);
    }
    if (trace.isDeprecated) this.#deprecated(labels);
  }

  /** A watch, a log or another stream begins. @returns what to call at its end */
  longRunning(call: Call): () => void {
    const { longRunning } = this.#families;
    const { group, version, resource, subresource, isResourceRequest, path } = call.info;
    const scope = scopeOf(call);
    const about = isResourceRequest ? [group, version, resource, subresource] : ['', '', '', path];
    const series = longRunning.series(verbOf(call, scope), ...about, scope, 'apiserver');
    longRunning.add(series);
    return () => longRunning.add(series, -1);
  }

  /** The client went before it had its answer. */
  aborted(call: Call): void {
    const { aborts } = this.#families;
    const scope = scopeOf(call);
    aborts.add(aborts.series(verbOf(call, scope), ...this.#about(call), scope));
  }

  /** Group, version, resource and subresource where they are served. */
  #about(call: Call): readonly [string, string, string, string] {
    const { group, version, resource, subresource } = call.info;
    return this.#served.has(nameOf(call)) ? [group, version, resource, subresource] : ['', '', '', ''];
  }

  /** What found no seat is counted though nothing has served it. */
  #droppedLabels(call: Call): RequestLabels {
    const [group, version, resource, subresource] = this.#about(call);
    const scope = scopeOf(call);
    const known = labelsOf(call, { route: 'resource', waitedMs: 0 });
    return {
      ...known,
      verb: verbOf(call, scope),
      dryRun: known?.dryRun ?? '',
      group,
      version,
      resource,
      subresource,
      scope,
      component: 'apiserver',
    };
  }

  #terminated(call: Call, code: number): void {
    const { terminations } = this.#families;
    const scope = scopeOf(call);
    const about = this.#about(call);
    terminations.add(terminations.series(verbOf(call, scope), ...about, scope, 'apiserver', String(code)));
  }

  /** None of the deprecated APIs that are served has a release that does without it. */
  #deprecated({ group, version, resource, subresource }: RequestLabels): void {
    const { deprecated } = this.#families;
    deprecated.set(deprecated.series(group, version, resource, subresource, ''), 1);
  }

  #seriesOf(labels: RequestLabels): RequestSeries {
    const { verb, dryRun, group, version, resource, subresource, scope } = labels;
    const key = `${verb} ${dryRun} ${group} ${version} ${resource} ${subresource} ${scope}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const series: RequestSeries = {
      labels,
      byCode: new Map(),
      duration: this.#families.duration.series(...valuesOf(labels, 'dry')),
      sli: undefined,
      size: undefined,
      body: undefined,
    };
    this.#known.set(key, series);
    return series;
  }
}

function nothing(): void {}

function valuesOf(labels: RequestLabels, form: 'plain' | 'dry' = 'plain'): string[] {
  const { verb, dryRun, group, version, resource, subresource, scope, component } = labels;
  const dry = form === 'dry' ? [dryRun] : [];
  return [verb, ...dry, group, version, resource, subresource, scope, component];
}

function nameOf({ info: { group, version, resource, subresource } }: Call): string {
  return `${group} ${version} ${resource} ${subresource}`;
}

function familiesOf(registry: MetricsRegistry) {
  return {
    total: registry.counter({
      name: 'apiserver_request_total',
      help: 'Requests by what they asked and how they ended.',
      stability: 'STABLE',
      labels: [...LABELS_DRY, 'code'],
    }),
    duration: registry.histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Seconds from the request to the end of its answer.',
      stability: 'STABLE',
      labels: LABELS_DRY,
      buckets: DURATIONS,
    }),
    sli: registry.histogram({
      name: 'apiserver_request_sli_duration_seconds',
      help: 'Seconds from the request to the end of its answer, without those in webhooks and queues.',
      stability: 'ALPHA',
      labels: LABELS,
      buckets: DURATIONS.slice(2),
    }),
    size: registry.histogram({
      name: 'apiserver_response_sizes',
      help: 'Bytes of answers to reads.',
      stability: 'STABLE',
      labels: LABELS,
      buckets: exponentialBuckets(1000, 10, 7),
    }),
    body: registry.histogram({
      name: 'apiserver_request_body_size_bytes',
      help: 'Bytes of the bodies of requests.',
      stability: 'ALPHA',
      labels: ['group', 'resource', 'verb'],
      buckets: linearBuckets(50_000, 100_000, 31),
    }),
    longRunning: registry.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches, logs and other streams that are open.',
      stability: 'STABLE',
      labels: LABELS,
    }),
    aborts: registry.counter({
      name: 'apiserver_request_aborts_total',
      help: 'Requests whose clients went away.',
      stability: 'ALPHA',
      labels: LABELS.slice(0, -1),
    }),
    terminations: registry.counter({
      name: 'apiserver_request_terminations_total',
      help: 'Requests that the server ended to protect itself.',
      stability: 'ALPHA',
      labels: [...LABELS, 'code'],
    }),
    deprecated: registry.gauge({
      name: 'apiserver_requested_deprecated_apis',
      help: 'Deprecated APIs that somebody has asked for.',
      stability: 'STABLE',
      labels: ['group', 'version', 'resource', 'subresource', 'removed_release'],
    }),
  };
}
