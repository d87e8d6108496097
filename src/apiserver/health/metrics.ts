import type { Registry } from 'prom-client';
import type { Clock } from '../../std/clock.ts';
import type { Answer, AuthenticatedCall, Filter } from '../call.ts';

/** Seconds. Source: apiserver `pkg/endpoints/metrics/metrics.go` (request latencies, thinned out). */
const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 20, 30, 60];
const LONG_RUNNING = new Set(['watch', 'proxy']);
const LONG_RUNNING_PARTS = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

interface Series {
  readonly labels: Readonly<Record<'verb' | 'group' | 'version' | 'resource' | 'subresource' | 'scope', string>>;
  readonly byCode: Map<string, number>;
  readonly buckets: number[];
  count: number;
  seconds: number;
}

/** Counts requests with plain numbers, so that counting costs next to nothing; text is made when somebody asks. */
export class RequestMetrics {
  readonly #clock: Clock;
  readonly #series = new Map<string, Series>();
  #inFlight = 0;
  #process: Promise<Registry> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts what passes. */
  readonly filter: Filter = (next) => async (call) => {
    this.#inFlight += 1;
    try {
      const answer = await next(call);
      const code = answer.kind === 'taken' ? '0' : String(answer.status);
      this.#count(call, code);
      return answer;
    } catch (error) {
      this.#count(call, codeOf(error));
      throw error;
    } finally {
      this.#inFlight -= 1;
    }
  };

  /** In the format of Prometheus, with the figures of the process. */
  async render(): Promise<{ contentType: string; text: string }> {
    this.#process ??= this.#observeProcess();
    const registry = await this.#process;
    return { contentType: registry.contentType, text: `${await registry.metrics()}${this.#text()}` };
  }

  /** Once, at the first question: the library's observers run from then on. */
  async #observeProcess(): Promise<Registry> {
    const { Registry, collectDefaultMetrics, Gauge } = await import('prom-client');
    const registry = new Registry();
    collectDefaultMetrics({ register: registry, gcDurationBuckets: [0.01, 0.1, 1] });
    const current = (): number => this.#inFlight;
    new Gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Requests under way',
      registers: [registry],
      collect() {
        this.set(current());
      },
    });
    return registry;
  }

  #count({ info, startedMs }: AuthenticatedCall, code: string): void {
    const { verb, group, version, resource, subresource, namespace, name } = info;
    const scope = !info.isResourceRequest ? '' : name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster';
    const key = `${verb} ${group} ${version} ${resource} ${subresource} ${scope}`;
    const known = this.#series.get(key);
    const series = known ?? {
      labels: { verb: verb.toUpperCase(), group, version, resource, subresource, scope },
      byCode: new Map<string, number>(),
      buckets: BUCKETS.map(() => 0),
      count: 0,
      seconds: 0,
    };
    if (known === undefined) this.#series.set(key, series);
    series.byCode.set(code, (series.byCode.get(code) ?? 0) + 1);
    if (LONG_RUNNING.has(verb) || LONG_RUNNING_PARTS.has(subresource)) return;
    const seconds = (this.#clock.nowMs() - startedMs) / 1000;
    const bucket = BUCKETS.findIndex((limit) => seconds <= limit);
    if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
    series.count += 1;
    series.seconds += seconds;
  }

  #text(): string {
    const totals = [
      '# HELP apiserver_request_total Requests by what they ask and how they ended',
      '# TYPE apiserver_request_total counter',
    ];
    const title = 'apiserver_request_duration_seconds';
    const times = [`# HELP ${title} Time to the answer`, `# TYPE ${title} histogram`];
    for (const { labels, byCode, buckets, count, seconds } of this.#series.values()) {
      const text = Object.entries(labels)
        .map(([label, value]) => `${label}="${value}"`)
        .join(',');
      for (const [code, number] of byCode) totals.push(`apiserver_request_total{code="${code}",${text}} ${number}`);
      if (count === 0) continue;
      let sum = 0;
      BUCKETS.forEach((limit, index) => {
        sum += buckets[index] ?? 0;
        times.push(`${title}_bucket{${text},le="${limit}"} ${sum}`);
      });
      times.push(
        `${title}_bucket{${text},le="+Inf"} ${count}`,
        `${title}_sum{${text}} ${seconds}`,
        `${title}_count{${text}} ${count}`,
      );
    }
    return `${[...totals, ...times].join('\n')}\n`;
  }
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'number' ? String(code) : '500';
}

/** Answers `/metrics`, with further series of the process; undefined for other paths. */
export function createMetricsPath(
  metrics: RequestMetrics,
  more: () => string = () => '',
): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  return (call) => (call.path === '/metrics' ? answer(metrics, more) : undefined);
}

async function answer(metrics: RequestMetrics, more: () => string): Promise<Answer> {
  const { contentType, text } = await metrics.render();
  return { kind: 'bytes', status: 200, contentType, body: Buffer.from(text + more()) };
}
