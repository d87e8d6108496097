import type { Client } from '../../client/client.ts';
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../generated/api/autoscaling/v2.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { PodMetricsList } from '../../generated/api/metrics/v1beta1.ts';
import { parseQuantity, Quantity } from '../../machinery/values/quantity.ts';
import { parseTime } from '../timestamps.ts';
import { rulesOf } from './behavior.ts';
import { planReplicas, type Sample } from './replicas.ts';

/** Source: kube-controller-manager `--horizontal-pod-autoscaler-tolerance`. */
const TOLERANCE = 0.1;

export interface MetricResult {
  readonly replicas: number;
  readonly status: MetricStatus;
  /** What the size follows from, for people. */
  readonly description: string;
}

/** Thrown for a metric that cannot be had; `reason` goes into the condition. */
export class MetricError extends Error {
  override readonly name = 'MetricError';
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface MetricContext {
  readonly client: Client;
  readonly hpa: HorizontalPodAutoscaler;
  readonly currentReplicas: number;
  readonly pods: readonly Pod[];
  /** Of the target, as a query text. */
  readonly selector: string;
  readonly nowMs: number;
}

/** The size that one metric asks for. Served are `Resource` and `ContainerResource`. @throws MetricError */
export async function readMetric(metric: MetricSpec, context: MetricContext): Promise<MetricResult> {
  const source = metric.resource ?? metric.containerResource;
  const container = metric.containerResource?.container;
  if (source === undefined || (metric.type !== 'Resource' && metric.type !== 'ContainerResource')) {
    const message = `unable to get ${metric.type} metrics: no metrics API serves them`;
    throw new MetricError(`FailedGet${metric.type}Metric`, message);
  }
  const { name, target } = source;
  const what = container === undefined ? `${name} resource` : `${name} container resource`;
  const { up, down } = rulesOf(context.hpa);
  const percent = target.averageUtilization;
  try {
    const proposal = planReplicas({
      currentReplicas: context.currentReplicas,
      pods: context.pods,
      samples: await readSamples(context, name, container),
      requestOf: percent === undefined ? undefined : (pod) => requestOf(pod, name, container),
      target: percent ?? parseQuantity(target.averageValue ?? '0').toMillis(),
      isCpu: name === 'cpu',
      tolerance: { up: toleranceOf(up.tolerance), down: toleranceOf(down.tolerance) },
      nowMs: context.nowMs,
    });
    const averageValue = new Quantity(BigInt(Math.round(proposal.average)) * 1_000_000n, 'decimal').toString();
    const current = {
      averageValue,
      ...(proposal.utilization === undefined ? {} : { averageUtilization: proposal.utilization }),
    };
    const status: MetricStatus =
      container === undefined
        ? { type: 'Resource', resource: { name, current } }
        : { type: 'ContainerResource', containerResource: { name, container, current } };
    const description = percent === undefined ? `${what}` : `${what} utilization (percentage of request)`;
    return { replicas: proposal.replicas, status, description };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const message =
      percent === undefined ? `failed to get ${name} usage: ${text}` : `failed to get ${name} utilization: ${text}`;
    throw new MetricError(`FailedGet${metric.type}Metric`, message, { cause });
  }
}

function toleranceOf(text: string | undefined): number {
  return text === undefined ? TOLERANCE : parseQuantity(text).toMillis() / 1000;
}

async function readSamples(
  { client, hpa, selector }: MetricContext,
  name: string,
  container: string | undefined,
): Promise<Map<string, Sample>> {
  const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${hpa.metadata.namespace}/pods`;
  const query = { labelSelector: selector };
  const list = (await client.transport.request({ method: 'GET', path, query })) as PodMetricsList;
  const samples = new Map<string, Sample>();
  for (const { metadata, timestamp, window, containers = [] } of list.items ?? []) {
    const measured = containers.filter((each) => container === undefined || each.name === container);
    const values = measured.map((each) => each.usage?.[name]);
    // A pod of which one part is unknown counts as missing as a whole.
    if (measured.length === 0 || values.some((value) => value === undefined)) continue;
    const value = values.reduce((sum, text) => sum + parseQuantity(text ?? '0').toMillis(), 0);
    samples.set(metadata?.name ?? '', {
      value,
      measuredMs: parseTime(timestamp) ?? 0,
      windowMs: Number.parseFloat(window ?? '60') * (window?.endsWith('ms') ? 1 : 1000),
    });
  }
  if (samples.size === 0) throw new Error('no metrics returned from resource metrics API');
  return samples;
}

function requestOf(pod: Pod, name: string, container: string | undefined): number | undefined {
  const sidecars = (pod.spec.initContainers ?? []).filter((each) => each.restartPolicy === 'Always');
  const all = [...pod.spec.containers, ...sidecars].filter(
    (each) => container === undefined || each.name === container,
  );
  const amounts = all.map((each) => each.resources?.requests?.[name]);
  if (all.length === 0 || amounts.some((amount) => amount === undefined)) return undefined;
  return amounts.reduce((sum, amount) => sum + parseQuantity(amount ?? '0').toMillis(), 0);
}
