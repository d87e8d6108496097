import type { Pod } from '../../generated/api/core/v1.ts';
import { findCondition } from '../conditions.ts';
import { isPodTerminating } from '../pods/pod-state.ts';
import { parseTime } from '../timestamps.ts';

/** What a pod uses, in thousandths, and when that was measured. */
export interface Sample {
  readonly value: number;
  readonly measuredMs: number;
  readonly windowMs: number;
}

/** How far the ratio may be from 1 before the size changes, either way. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

export interface ReplicaRequest {
  readonly currentReplicas: number;
  readonly pods: readonly Pod[];
  /** By pod name; pods without one are missing. */
  readonly samples: ReadonlyMap<string, Sample>;
  /** What a pod asks for, in thousandths; only with a utilization target. Throws for a pod that does not say. */
  readonly requestOf?: ((pod: Pod) => number) | undefined;
  /** Percent of the request, or thousandths for each pod. */
  readonly target: number;
  /** CPU is not trusted while a pod starts. */
  readonly isCpu: boolean;
  readonly tolerance: Tolerance;
  readonly nowMs: number;
}

export interface ReplicaProposal {
  readonly replicas: number;
  /** Percent, with a utilization target. */
  readonly utilization?: number | undefined;
  /** Thousandths for each pod. */
  readonly average: number;
}

/** The largest number of replicas that there can be. */
const MOST = 2 ** 31 - 1;

/** Source: kube-controller-manager `--horizontal-pod-autoscaler-cpu-initialization-period`, `-initial-readiness-delay`. */
const CPU_INITIALIZATION_MS = 300_000;
const READINESS_DELAY_MS = 30_000;

/**
 * The number of pods that brings the average to the target. Pods that tell nothing are taken for the best: as using
 * nothing where we would scale up, as using all they asked for where we would scale down.
 *
 * @throws Error where no pod has a sample, or one has no request.
 * Source: `pkg/controller/podautoscaler/replica_calculator.go`.
 */
export function planReplicas(request: ReplicaRequest): ReplicaProposal {
  const { currentReplicas, target, tolerance } = request;
  if (request.pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const groups = groupPods(request);
  if (groups.ready.length === 0) {
    throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  }
  // Also of pods that do not count now: a size that some pod could not be judged by is not trusted.
  for (const pod of request.pods) request.requestOf?.(pod);
  const values = new Map(groups.ready.map((pod) => [pod, request.samples.get(nameOf(pod))?.value ?? 0]));
  const first = measure(request, values);
  const average = Math.trunc(sum(values.values()) / values.size);
  const told = { utilization: request.requestOf === undefined ? undefined : Math.floor(first.percent), average };
  const usesUnready = groups.unready.length > 0 && first.ratio > 1;
  if (!usesUnready && groups.missing.length === 0) {
    const replicas = isWithin(first.ratio, tolerance)
      ? currentReplicas
      : Math.ceil(round(first.ratio * groups.ready.length));
    return { replicas, ...told };
  }
  for (const pod of groups.missing) {
    const full = request.requestOf === undefined ? target : request.requestOf(pod);
    if (first.ratio < 1) values.set(pod, full);
    else if (first.ratio > 1) values.set(pod, 0);
  }
  if (usesUnready) for (const pod of groups.unready) values.set(pod, 0);
  const { ratio } = measure(request, values);
  const hasTurned = (first.ratio < 1 && ratio > 1) || (first.ratio > 1 && ratio < 1);
  if (isWithin(ratio, tolerance) || hasTurned) return { replicas: currentReplicas, ...told };
  const replicas = Math.ceil(round(ratio * values.size));
  const isBackwards = (ratio < 1 && replicas > currentReplicas) || (ratio > 1 && replicas < currentReplicas);
  return { replicas: isBackwards ? currentReplicas : replicas, ...told };
}

/** The size by the ratio of a metric of the whole to its target: as many of the pods that serve now, times the ratio. */
export function planReplicasByRatio(
  ratio: number,
  currentReplicas: number,
  pods: { readonly all: number; readonly ready: number },
  tolerance: Tolerance,
): number {
  if (currentReplicas === 0) return Math.ceil(round(ratio));
  if (isWithin(ratio, tolerance)) return currentReplicas;
  if (pods.all === 0) {
    throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count');
  }
  return Math.min(MOST, Math.ceil(round(ratio * pods.ready)));
}

/** The size by which each pod has its share of a metric of the whole; `average` is what each has now. */
export function planReplicasPerPod(
  usage: number,
  targetPerPod: number,
  statusReplicas: number,
  tolerance: Tolerance,
): { readonly replicas: number; readonly average: number } {
  const ratio = usage / (targetPerPod * statusReplicas);
  const replicas = isWithin(ratio, tolerance) ? statusReplicas : Math.min(MOST, Math.ceil(round(usage / targetPerPod)));
  return { replicas, average: statusReplicas === 0 ? usage : Math.ceil(round(usage / statusReplicas)) };
}

function measure(
  { requestOf, target }: ReplicaRequest,
  values: ReadonlyMap<Pod, number>,
): { readonly ratio: number; readonly percent: number } {
  const used = sum(values.values());
  if (requestOf === undefined) return { ratio: Math.trunc(used / values.size) / target, percent: 0 };
  let requested = 0;
  for (const pod of values.keys()) requested += requestOf(pod);
  if (requested === 0) throw new Error('no metrics returned matched known pods');
  const percent = (used * 100) / requested;
  return { ratio: Math.floor(percent) / target, percent };
}

function groupPods({ pods, samples, isCpu, nowMs }: ReplicaRequest): Record<'ready' | 'unready' | 'missing', Pod[]> {
  const groups = { ready: [] as Pod[], unready: [] as Pod[], missing: [] as Pod[] };
  for (const pod of pods) {
    if (isPodTerminating(pod) || pod.status?.phase === 'Failed') continue;
    const sample = samples.get(nameOf(pod));
    if (pod.status?.phase === 'Pending') groups.unready.push(pod);
    else if (sample === undefined) groups.missing.push(pod);
    else if (isCpu && isStarting(pod, sample, nowMs)) groups.unready.push(pod);
    else groups.ready.push(pod);
  }
  return groups;
}

function isStarting(pod: Pod, sample: Sample, nowMs: number): boolean {
  const ready = findCondition(pod.status?.conditions, 'Ready');
  const startMs = parseTime(pod.status?.startTime);
  if (ready === undefined || startMs === undefined) return true;
  const sinceMs = parseTime(ready.lastTransitionTime) ?? nowMs;
  if (startMs + CPU_INITIALIZATION_MS > nowMs) {
    // Measured partly before it was ready: the start itself takes much.
    return ready.status === 'False' || sample.measuredMs < sinceMs + sample.windowMs;
  }
  return ready.status === 'False' && startMs + READINESS_DELAY_MS > sinceMs;
}

function isWithin(ratio: number, { up, down }: Tolerance): boolean {
  return ratio >= 1 - down - 1e-9 && ratio <= 1 + up + 1e-9;
}

/** Takes off the noise of floating point, which `ceil` would turn into a whole pod. */
function round(value: number): number {
  return Math.round(value * 1e9) / 1e9;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function nameOf(pod: Pod): string {
  return pod.metadata.name ?? '';
}
