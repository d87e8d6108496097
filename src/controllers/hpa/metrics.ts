import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  ResourceMetricSource,
} from '../../generated/api/autoscaling/v2.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import { parseQuantity, Quantity } from '../../machinery/values/quantity.ts';
import { isPodReady } from '../pods/pod-state.ts';
import { toGoText } from '../selector.ts';
import { rulesOf } from './behavior.ts';
import type { Metric, MetricSources } from './metric-sources.ts';
import { planReplicas, planReplicasByRatio, planReplicasPerPod, type Tolerance } from './replicas.ts';

/** Source: kube-controller-manager `--horizontal-pod-autoscaler-tolerance`. */
const TOLERANCE = 0.1;

export interface MetricResult {
  readonly replicas: number;
  readonly status: MetricStatus;
  /** What the size follows from, for people. */
  readonly description: string;
}

/** Thrown for a metric that cannot be had; `reason` and `message` go into the condition and its event. */
export class MetricError extends Error {
  override readonly name = 'MetricError';
  readonly reason: string;
  /** What is said of it where all metrics are summed up. */
  readonly summary: string;

  constructor(reason: string, message: string, summary: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.summary = summary;
  }
}

/** A fault that the summary introduces by more words than the condition does. */
class IntroducedError extends Error {
  override readonly name = 'IntroducedError';
  readonly lead: string;

  constructor(lead: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.lead = lead;
  }
}

export interface MetricContext {
  readonly sources: MetricSources;
  readonly hpa: HorizontalPodAutoscaler;
  /** The wished size of the target, and the one that it has. */
  readonly currentReplicas: number;
  readonly statusReplicas: number;
  readonly pods: readonly Pod[];
  /** Of the target, as a query text. */
  readonly selector: string;
  readonly nowMs: number;
}

/**
 * The size that one metric asks for. @throws MetricError
 *
 * Source: `pkg/controller/podautoscaler/horizontal.go` (computeReplicasForMetric).
 */
export async function readMetric(spec: MetricSpec, context: MetricContext): Promise<MetricResult> {
  const { name, read } = readerOf(spec, context);
  try {
    return await read();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const lead = cause instanceof IntroducedError ? `${cause.lead}: ` : '';
    const summary = `failed to get ${name} metric value: ${lead}${text}`;
    throw new MetricError(`FailedGet${spec.type}Metric`, text, summary, { cause });
  }
}

function readerOf(
  spec: MetricSpec,
  context: MetricContext,
): { readonly name: string; readonly read: () => Promise<MetricResult> } {
  const { resource, containerResource, pods, object, external } = spec;
  if (spec.type === 'Resource' && resource !== undefined) {
    const toStatus = (current: Current): MetricStatus => ({
      type: 'Resource',
      resource: { name: resource.name, current },
    });
    return { name: `${resource.name} resource`, read: () => readResource(resource, undefined, context, toStatus) };
  }
  if (spec.type === 'ContainerResource' && containerResource !== undefined) {
    const { name, container } = containerResource;
    const toStatus = (current: Current): MetricStatus => ({
      type: 'ContainerResource',
      containerResource: { name, container, current },
    });
    return {
      name: `${container} container`,
      read: () => readResource(containerResource, container, context, toStatus),
    };
  }
  if (spec.type === 'Pods' && pods !== undefined) {
    return { name: 'pods', read: () => readPods(pods.metric, pods.target, context) };
  }
  if (spec.type === 'Object' && object !== undefined)
    return { name: 'object', read: () => readObject(object, context) };
  if (spec.type === 'External' && external !== undefined) {
    return {
      name: `${external.metric.name} external`,
      read: () => readExternal(external.metric, external.target, context),
    };
  }
  return {
    name: '',
    read: () => Promise.reject(new Error(`unknown metric source type ${JSON.stringify(spec.type)}`)),
  };
}

type Current = { averageValue?: string; averageUtilization?: number; value?: string };

async function readResource(
  { name, target }: ResourceMetricSource,
  container: string | undefined,
  context: MetricContext,
  toStatus: (current: Current) => MetricStatus,
): Promise<MetricResult> {
  const { sources, hpa, selector } = context;
  const percent = target.averageValue === undefined ? target.averageUtilization : undefined;
  const what = percent === undefined ? 'usage' : 'utilization';
  try {
    const samples = await sources.ofResource(namespaceOf(hpa), name, selector, container).catch((cause: Error) => {
      throw new Error(`unable to get metrics for resource ${name}: ${cause.message}`, { cause });
    });
    const proposal = planReplicas({
      ...context,
      samples,
      requestOf: percent === undefined ? undefined : (pod) => requestOf(pod, name, container),
      target: percent ?? millisOf(target.averageValue),
      isCpu: name === 'cpu',
      tolerance: toleranceOf(hpa),
    });
    const current = {
      averageValue: toText(proposal.average, name === 'memory' ? 'binary' : 'decimal'),
      ...(proposal.utilization === undefined ? {} : { averageUtilization: proposal.utilization }),
    };
    const source = container === undefined || percent === undefined ? 'resource' : 'container resource';
    const description =
      percent === undefined ? `${name} ${source}` : `${name} ${source} utilization (percentage of request)`;
    return { replicas: proposal.replicas, status: toStatus(current), description };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`failed to get ${name} ${what}: ${text}`, { cause });
  }
}

async function readPods(metric: Metric, target: MetricTarget, context: MetricContext): Promise<MetricResult> {
  const { sources, hpa, selector } = context;
  const samples = await sources.ofPods(namespaceOf(hpa), metric, selector).catch((cause: Error) => {
    throw new Error(`unable to get metric ${metric.name}: ${cause.message}`, { cause });
  });
  const { replicas, average } = planReplicas({
    ...context,
    samples,
    target: millisOf(target.averageValue),
    isCpu: false,
    tolerance: toleranceOf(hpa),
  });
  const status: MetricStatus = {
    type: 'Pods',
    pods: { metric: toIdentifier(metric), current: { averageValue: toText(average) } },
  };
  return { replicas, status, description: `pods metric ${metric.name}` };
}

async function readObject(
  { metric, target, describedObject }: NonNullable<MetricSpec['object']>,
  context: MetricContext,
): Promise<MetricResult> {
  const { sources, hpa } = context;
  const namespace = namespaceOf(hpa);
  const { kind, name } = describedObject;
  const perPod = target.type === 'AverageValue' && target.averageValue !== undefined;
  const isWhole = target.type === 'Value' && target.value !== undefined;
  if (!perPod && !isWhole) {
    throw new Error('invalid object metric source: neither a value target nor an average value target was set');
  }
  const usage = await sources.ofObject(namespace, metric, describedObject).catch((cause: Error) => {
    // The order is upstream's, whose words and values do not go together.
    const text = `unable to get metric ${metric.name}: ${kind} on ${namespace} ${name}/${cause.message}`;
    if (!perPod) throw new Error(text, { cause });
    throw new IntroducedError(`failed to get ${metric.name} object metric`, text, { cause });
  });
  const base = { describedObject, metric: toIdentifier(metric) };
  const { replicas, current } = judgeTotal(usage, target, perPod, context);
  return {
    replicas,
    status: { type: 'Object', object: { ...base, current } },
    description: perPod
      ? `external metric ${metric.name}(${toGoText(metric.selector)})`
      : `${kind} metric ${metric.name}`,
  };
}

async function readExternal(metric: Metric, target: MetricTarget, context: MetricContext): Promise<MetricResult> {
  const namespace = namespaceOf(context.hpa);
  const perPod = target.averageValue !== undefined;
  if (!perPod && target.value === undefined) {
    throw new Error('invalid external metric source: neither a value target nor an average value target was set');
  }
  const usage = await context.sources.ofOutside(namespace, metric).catch((cause: Error) => {
    const text = `unable to get external metric ${namespace}/${metric.name}/${toGoText(metric.selector)}: ${cause.message}`;
    const lead = perPod
      ? `failed to get ${metric.name} external metric`
      : `failed to get external metric ${metric.name}`;
    throw new IntroducedError(lead, text, { cause });
  });
  const { replicas, current } = judgeTotal(usage, target, perPod, context);
  return {
    replicas,
    status: { type: 'External', external: { metric: toIdentifier(metric), current } },
    description: `external metric ${metric.name}(${toGoText(metric.selector)})`,
  };
}

function judgeTotal(
  usage: number,
  target: MetricTarget,
  perPod: boolean,
  { hpa, currentReplicas, statusReplicas, pods }: MetricContext,
): { readonly replicas: number; readonly current: Current } {
  const tolerance = toleranceOf(hpa);
  if (perPod) {
    const { replicas, average } = planReplicasPerPod(usage, millisOf(target.averageValue), statusReplicas, tolerance);
    return { replicas, current: { averageValue: toText(average) } };
  }
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod)).length;
  const ratio = usage / millisOf(target.value);
  const podCounts = { all: pods.length, ready };
  return {
    replicas: planReplicasByRatio(ratio, currentReplicas, podCounts, tolerance),
    current: { value: toText(usage) },
  };
}

function toIdentifier({ name, selector }: Metric): { name: string; selector?: Metric['selector'] } {
  return { name, ...(selector === undefined ? {} : { selector }) };
}

function toText(millis: number, format: 'binary' | 'decimal' = 'decimal'): string {
  return new Quantity(BigInt(Math.trunc(millis)) * 1_000_000n, format).toString();
}

function millisOf(text: string | undefined): number {
  return parseQuantity(text ?? '0').toMillis();
}

function namespaceOf(hpa: HorizontalPodAutoscaler): string {
  return hpa.metadata.namespace ?? '';
}

function toleranceOf(hpa: HorizontalPodAutoscaler): Tolerance {
  const { up, down } = rulesOf(hpa);
  const read = (text: string | undefined): number => (text === undefined ? TOLERANCE : millisOf(text) / 1000);
  return { up: read(up.tolerance), down: read(down.tolerance) };
}

/** @throws Error for a container without a request: nobody can tell how much of it is used. */
function requestOf(pod: Pod, name: string, container: string | undefined): number {
  const whole = pod.spec.resources?.requests;
  if (container === undefined && whole !== undefined && Object.keys(whole).length > 0) {
    if (whole[name] === undefined) {
      throw new Error(`missing pod-level request for ${name} in Pod ${pod.metadata.name}`);
    }
    return millisOf(whole[name]);
  }
  const sidecars = (pod.spec.initContainers ?? []).filter((each) => each.restartPolicy === 'Always');
  const wanted = [...pod.spec.containers, ...sidecars].filter(
    (each) => container === undefined || each.name === container,
  );
  if (container !== undefined && wanted.length === 0) {
    throw new Error(`container ${container} not found in Pod ${pod.metadata.name}`);
  }
  return wanted.reduce((sum, each) => {
    const amount = each.resources?.requests?.[name];
    if (amount === undefined) {
      throw new Error(`missing request for ${name} in container ${each.name} of Pod ${pod.metadata.name}`);
    }
    return sum + millisOf(amount);
  }, 0);
}
