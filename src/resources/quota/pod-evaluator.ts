import type { Pod, PodAffinityTerm } from '../../generated/api/core/v1.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import type { Quantity } from '../../machinery/values/quantity.ts';
import { qosClassOf } from '../core/pod/qos-class.ts';
import { type Amounts, toAmounts, whole } from './amounts.ts';
import { effectiveResources, hasPodLevelResources } from './effective-resources.ts';
import { type Evaluator, satisfies } from './evaluator.ts';

const compute = ['cpu', 'memory', 'ephemeral-storage'] as const;
const names = new Set<string>([
  'count/pods',
  'pods',
  ...compute.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);
/** Quotas of these want each container to say how much it takes. */
const demanded = new Set(['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]));
const DEVICE_CLASS = 'deviceclass.resource.kubernetes.io/';

/** Source: `pkg/quota/v1/evaluator/core/pods.go`. */
export const podEvaluator: Evaluator = {
  counts: (name) =>
    names.has(name) ||
    name.startsWith('hugepages-') ||
    name.startsWith('requests.hugepages-') ||
    (name.startsWith('requests.') && (!isNative(name) || name.startsWith(`requests.${DEVICE_CLASS}`))),
  isInScope(object, scope) {
    const pod = object as unknown as Pod;
    switch (scope.scopeName) {
      case 'Terminating':
        return isTerminating(pod);
      case 'NotTerminating':
        return !isTerminating(pod);
      case 'BestEffort':
        return isBestEffort(pod);
      case 'NotBestEffort':
        return !isBestEffort(pod);
      case 'PriorityClass':
        return satisfies(scope, pod.spec?.priorityClassName ? [pod.spec.priorityClassName] : []);
      case 'CrossNamespacePodAffinity':
        return crossesNamespaces(pod);
      default:
        return false;
    }
  },
  usage: (object, nowMs) => podUsage(object as unknown as Pod, nowMs),
  faultOf(object, wanted) {
    const pod = object as unknown as Pod;
    if (hasPodLevelResources(pod)) return undefined;
    const required = wanted.filter((name) => demanded.has(name));
    const missing = new Map<string, Set<string>>();
    for (const container of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
      const { requests, limits } = container.resources ?? {};
      const given = computeUsage(toAmounts(requests), toAmounts(limits));
      for (const name of required.filter((each) => !given.has(each))) {
        missing.set(name, (missing.get(name) ?? new Set()).add(container.name));
      }
    }
    if (missing.size === 0) return undefined;
    const texts = [...missing.keys()].sort().map((name) => `${name} for: ${[...(missing.get(name) ?? [])].sort()}`);
    return `must specify ${texts.join('; ')}`;
  },
};

/** A pod that ends by itself. */
export function isTerminating(pod: Pod): boolean {
  return (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
}

/** What a pod counts for. Those that have ended, or should have long ago, are objects and nothing more. */
function podUsage(pod: Pod, nowMs: number): Amounts {
  const usage = new Map([['count/pods', whole(1)]]);
  if (!takesResources(pod, nowMs)) return usage;
  const own = computeUsage(effectiveResources(pod, 'requests'), effectiveResources(pod, 'limits'));
  return new Map([...usage, ...own]);
}

/** Whether a pod is alive; one whose node is lost is not waited for beyond its own grace. */
export function takesResources(pod: Pod, nowMs: number): boolean {
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata ?? {};
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return nowMs <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function computeUsage(requests: Amounts, limits: Amounts): Map<string, Quantity> {
  const usage = new Map([['pods', whole(1)]]);
  for (const name of compute) {
    const [request, limit] = [requests.get(name), limits.get(name)];
    if (request !== undefined) usage.set(name, request).set(`requests.${name}`, request);
    if (limit !== undefined) usage.set(`limits.${name}`, limit);
  }
  for (const [name, request] of requests) {
    if (name.startsWith('hugepages-')) usage.set(name, request).set(`requests.${name}`, request);
    if (isExtended(name)) usage.set(`requests.${name}`, request);
  }
  return usage;
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

function isExtended(name: string): boolean {
  return (!isNative(name) && !name.startsWith('requests.')) || name.startsWith(DEVICE_CLASS);
}

function isBestEffort(pod: Pod): boolean {
  return (pod.status?.qosClass || qosClassOf(pod)) === 'BestEffort';
}

function crossesNamespaces(pod: Pod): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const crosses = (term: PodAffinityTerm): boolean =>
    (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined;
  return [podAffinity, podAntiAffinity].some(
    (each) =>
      (each?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(crosses) ||
      (each?.preferredDuringSchedulingIgnoredDuringExecution ?? []).some((weighted) =>
        crosses(weighted.podAffinityTerm),
      ),
  );
}

/** Whether two states of a pod fall under different scopes of time. */
export function changesTermination(next: KubeObject, previous: KubeObject): boolean {
  return isTerminating(next as unknown as Pod) !== isTerminating(previous as unknown as Pod);
}
