import type { Client } from '../../client/client.ts';
import { discoverResources } from '../../client/discovery.ts';
import type { CrossVersionObjectReference } from '../../generated/api/autoscaling/v2.ts';
import type { APIGroup, LabelSelector } from '../../generated/api/meta/v1.ts';
import type { PodMetricsList } from '../../generated/api/metrics/v1beta1.ts';
import { codeOf } from '../../machinery/errors/status-error.ts';
import { parseApiVersion } from '../../machinery/object/object.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { toSelectorText } from '../../machinery/values/selector-object.ts';
import { parseTime } from '../timestamps.ts';
import type { Sample } from './replicas.ts';

/** Asks the three APIs of metrics. Every fault is an Error with upstream's sentence. */
export interface MetricSources {
  /** What pods use of a resource, by pod name; of one container, where given. */
  ofResource(namespace: string, resource: string, selector: string, container?: string): Promise<Map<string, Sample>>;
  /** A custom metric of pods, by pod name. */
  ofPods(namespace: string, metric: Metric, selector: string): Promise<Map<string, Sample>>;
  /** A custom metric of one object, in thousandths. */
  ofObject(namespace: string, metric: Metric, object: CrossVersionObjectReference): Promise<number>;
  /** The sum of an external metric's values, in thousandths. */
  ofOutside(namespace: string, metric: Metric): Promise<number>;
}

export interface Metric {
  readonly name: string;
  readonly selector?: LabelSelector | undefined;
}

interface MetricValue {
  readonly describedObject?: { readonly name?: string };
  readonly timestamp?: string;
  readonly windowSeconds?: number;
  /** As `v1beta1` spells it. */
  readonly window?: number;
  readonly value: string;
}

const CUSTOM = 'custom.metrics.k8s.io';
const CUSTOM_VERSIONS = ['v1beta2', 'v1beta1'];
const DEFAULT_WINDOW_SECONDS = 60;

/** Source: `pkg/controller/podautoscaler/metrics/client.go`, `k8s.io/metrics/pkg/client`. */
export function createMetricSources(client: Client): MetricSources {
  async function read<T>(path: string, query: Record<string, string>, what: string): Promise<T> {
    try {
      return (await client.transport.request({ method: 'GET', path, query })) as T;
    } catch (error) {
      // Nobody serves the group: what client libraries say of an answer that is no status. A status speaks for itself.
      const said = error instanceof Error ? error.message.trim() : String(error);
      const isUnserved = codeOf(error) === 404 && said === '404 page not found';
      const text = isUnserved ? `the server could not find the requested resource (get ${what})` : said;
      throw new Error(text, { cause: error });
    }
  }

  async function customRoot(): Promise<string> {
    const group = await client.transport.request({ method: 'GET', path: `/apis/${CUSTOM}` }).catch(() => undefined);
    const served = ((group as APIGroup | undefined)?.versions ?? []).map(({ version }) => version);
    const version = CUSTOM_VERSIONS.find((each) => served.includes(each));
    if (version === undefined) throw new Error(`no custom metrics API (${CUSTOM}) registered`);
    return `/apis/${CUSTOM}/${version}`;
  }

  async function readCustom(path: string, metric: Metric, more: Record<string, string> = {}): Promise<MetricValue[]> {
    const selected = metric.selector === undefined ? '' : toSelectorText(metric.selector);
    const query = { ...more, ...(selected === '' ? {} : { metricLabelSelector: selected }) };
    const root = await customRoot();
    const list = await read<{ items?: MetricValue[] }>(`${root}${path}`, query, CUSTOM);
    return list.items ?? [];
  }

  async function resourceOf({ apiVersion = '', kind }: CrossVersionObjectReference): Promise<string> {
    const { group } = parseApiVersion(apiVersion);
    const { resources } = await discoverResources(client);
    const found = resources.find((each) => each.kind === kind && each.group === group);
    if (found === undefined) throw new Error(`no matches for kind "${kind}" in group "${group}"`);
    return group === '' ? found.plural : `${found.plural}.${group}`;
  }

  return {
    async ofResource(namespace, resource, selector, container) {
      return await within('resource', async () => {
        const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;
        const list = await read<PodMetricsList>(path, { labelSelector: selector }, 'pods.metrics.k8s.io');
        if ((list.items ?? []).length === 0) throw new NothingReturned('resource');
        return toSamples(list, resource, container);
      });
    },
    async ofPods(namespace, metric, selector) {
      return await within('custom', async () => {
        // Escaped, as client-go does it: whoever serves the metrics may compare.
        const path = `/namespaces/${namespace}/pods/%2A/${metric.name}`;
        const values = await readCustom(path, metric, { labelSelector: selector });
        if (values.length === 0) throw new NothingReturned('custom');
        return new Map(values.map((value) => [value.describedObject?.name ?? '', toSample(value)]));
      });
    },
    async ofObject(namespace, metric, object) {
      return await within('custom', async () => {
        const isNamespace = object.kind === 'Namespace' && parseApiVersion(object.apiVersion ?? '').group === '';
        const path = isNamespace
          ? `/namespaces/${namespace}/metrics/${metric.name}`
          : `/namespaces/${namespace}/${await resourceOf(object)}/${object.name}/${metric.name}`;
        const values = await readCustom(path, metric);
        const [value] = values;
        if (value === undefined || values.length !== 1) {
          throw new Error(
            `the custom metrics API server returned ${values.length} results when we asked for exactly one`,
          );
        }
        return parseQuantity(value.value).toMillis();
      });
    },
    async ofOutside(namespace, metric) {
      return await within('external', async () => {
        const selected = metric.selector === undefined ? '' : toSelectorText(metric.selector);
        const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric.name}`;
        const query = selected === '' ? {} : { labelSelector: selected };
        const { items = [] } = await read<{ items?: MetricValue[] }>(
          path,
          query,
          `${metric.name}.external.metrics.k8s.io`,
        );
        if (items.length === 0) throw new NothingReturned('external');
        return items.reduce((sum, { value }) => sum + parseQuantity(value).toMillis(), 0);
      });
    },
  };
}

type Api = 'resource' | 'custom' | 'external';

/** The API answered, and had nothing: no fault of the API itself. */
class NothingReturned extends Error {
  override readonly name = 'NothingReturned';

  constructor(api: Api) {
    super(`no metrics returned from ${api} metrics API`);
  }
}

async function within<T>(api: Api, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof NothingReturned) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`unable to fetch metrics from ${api} metrics API: ${text}`, { cause: error });
  }
}

function toSamples(list: PodMetricsList, resource: string, container: string | undefined): Map<string, Sample> {
  const samples = new Map<string, Sample>();
  for (const { metadata, timestamp, window, containers = [] } of list.items ?? []) {
    const measured = containers.filter((each) => container === undefined || each.name === container);
    const values = measured.map((each) => each.usage?.[resource]);
    // A pod of which one part is unknown counts as missing as a whole.
    if (measured.length === 0 || values.some((value) => value === undefined)) continue;
    const value = values.reduce((sum, text) => sum + parseQuantity(text ?? '0').toMillis(), 0);
    const windowMs = window === undefined ? DEFAULT_WINDOW_SECONDS * 1000 : toMs(window);
    samples.set(metadata?.name ?? '', { value, measuredMs: parseTime(timestamp) ?? 0, windowMs });
  }
  return samples;
}

function toSample({ value, timestamp, windowSeconds, window }: MetricValue): Sample {
  const seconds = windowSeconds ?? window ?? DEFAULT_WINDOW_SECONDS;
  return { value: parseQuantity(value).toMillis(), measuredMs: parseTime(timestamp) ?? 0, windowMs: seconds * 1000 };
}

/** Milliseconds of a duration as Go prints it, such as `1m0s` or `15.5s`. */
function toMs(duration: string): number {
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ''] ?? 0), 0);
}
