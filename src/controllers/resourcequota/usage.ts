import type {
  Container,
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from '../../generated/api/core/v1.ts';
import { parseQuantity, Quantity } from '../../machinery/values/quantity.ts';
import { isPodEnded } from '../pods/pod-state.ts';
import { parseTime } from '../timestamps.ts';

export type Amounts = ReadonlyMap<string, Quantity>;

const one = new Quantity(1_000_000_000n, 'decimal');
const whole = (count: number): Quantity => new Quantity(BigInt(count) * 1_000_000_000n, 'decimal');

/** Adds the second to the first, resource by resource. */
export function addAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, sum.get(name)?.add(amount) ?? amount);
  return sum;
}

function maxAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const most = new Map(a);
  for (const [name, amount] of b) {
    const known = most.get(name);
    if (known === undefined || known.compare(amount) < 0) most.set(name, amount);
  }
  return most;
}

function toAmounts(list: Readonly<Record<string, string>> | undefined): Map<string, Quantity> {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

/**
 * What a pod asks for in all: its containers together, or its largest init container where that is more; sidecars run
 * beside all that come after them.
 *
 * Source: `k8s.io/component-helpers/resource` (PodRequests, PodLimits).
 */
export function podAmounts(pod: Pod, kind: 'requests' | 'limits'): Map<string, Quantity> {
  const of = (container: Container): Map<string, Quantity> => toAmounts(container.resources?.[kind]);
  let running: Map<string, Quantity> = new Map();
  for (const container of pod.spec?.containers ?? []) running = addAmounts(running, of(container));
  let sidecars: Map<string, Quantity> = new Map();
  let most: Map<string, Quantity> = new Map();
  for (const container of pod.spec?.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      sidecars = addAmounts(sidecars, of(container));
      most = maxAmounts(most, sidecars);
    } else most = maxAmounts(most, addAmounts(sidecars, of(container)));
  }
  let total = maxAmounts(addAmounts(running, sidecars), most);
  // A size given for the pod as a whole stands above those of its containers.
  for (const [name, amount] of toAmounts(pod.spec?.resources?.[kind])) total.set(name, amount);
  if (pod.spec?.overhead !== undefined) total = addAmounts(total, toAmounts(pod.spec.overhead));
  return total;
}

/** What a pod counts against quotas. Ended pods, and those that should have ended, count as objects only. */
export function podUsage(pod: Pod, nowMs: number): Map<string, Quantity> {
  const usage = new Map([['count/pods', one]]);
  if (isPodEnded(pod) || isOverdue(pod, nowMs)) return usage;
  usage.set('pods', one);
  for (const [name, amount] of podAmounts(pod, 'requests')) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')) usage.set(name, amount);
    usage.set(`requests.${name}`, amount);
  }
  for (const [name, amount] of podAmounts(pod, 'limits')) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name)) usage.set(`limits.${name}`, amount);
  }
  return usage;
}

/** Deleted long ago by its own grace: its node is likely gone, and the quota must not wait for it. */
function isOverdue(pod: Pod, nowMs: number): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const deletedMs = parseTime(deletionTimestamp);
  if (deletedMs === undefined || deletionGracePeriodSeconds === undefined) return false;
  return nowMs > deletedMs + deletionGracePeriodSeconds * 1000;
}

export function serviceUsage({ spec }: Service): Map<string, Quantity> {
  const ports = spec?.ports ?? [];
  const isBalanced = spec?.type === 'LoadBalancer';
  const skipsPorts = isBalanced && spec?.allocateLoadBalancerNodePorts === false;
  const nodePorts = skipsPorts
    ? ports.filter((port) => port.nodePort).length
    : isBalanced || spec?.type === 'NodePort'
      ? ports.length
      : 0;
  return new Map([
    ['count/services', one],
    ['services', one],
    ['services.nodeports', whole(nodePorts)],
    ['services.loadbalancers', whole(isBalanced ? 1 : 0)],
  ]);
}

export function claimUsage(claim: PersistentVolumeClaim): Map<string, Quantity> {
  const usage = new Map([
    ['count/persistentvolumeclaims', one],
    ['persistentvolumeclaims', one],
  ]);
  const className =
    claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim.spec?.storageClassName;
  const suffix = '.storageclass.storage.k8s.io';
  if (className) usage.set(`${className}${suffix}/persistentvolumeclaims`, one);
  const asked = claim.spec?.resources?.requests?.['storage'];
  if (asked === undefined) return usage;
  const allocated = claim.status?.allocatedResources?.['storage'];
  const requested = parseQuantity(asked);
  const storage =
    allocated !== undefined && parseQuantity(allocated).compare(requested) > 0 ? parseQuantity(allocated) : requested;
  usage.set('requests.storage', storage);
  if (className) usage.set(`${className}${suffix}/requests.storage`, storage);
  return usage;
}

/** Whether a pod counts against a quota with scopes. Source: `pkg/quota/v1/evaluator/core/pods.go` (podMatchesScopeFunc). */
export function matchesScopes(quota: ResourceQuota, pod: Pod): boolean {
  const plain = (quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  const all = [...plain, ...(quota.spec?.scopeSelector?.matchExpressions ?? [])];
  return all.every((scope) => matchesScope(scope, pod));
}

export function hasScopes(quota: ResourceQuota): boolean {
  return (quota.spec?.scopes ?? []).length + (quota.spec?.scopeSelector?.matchExpressions ?? []).length > 0;
}

function matchesScope({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  const isTerminating = (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
  switch (scopeName) {
    case 'Terminating':
      return isTerminating;
    case 'NotTerminating':
      return !isTerminating;
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass': {
      const name = pod.spec?.priorityClassName ?? '';
      if (operator === 'Exists') return name !== '';
      if (operator === 'DoesNotExist') return name === '';
      return operator === 'In' ? name !== '' && values.includes(name) : !values.includes(name);
    }
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

function isBestEffort(pod: Pod): boolean {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const lists = [...all.map((each) => each.resources), pod.spec?.resources];
  const asks = (list: Readonly<Record<string, string>> | undefined): boolean =>
    Object.entries(list ?? {}).some(
      ([name, text]) => ['cpu', 'memory'].includes(name) && !parseQuantity(text).isZero(),
    );
  return !lists.some((each) => asks(each?.requests) || asks(each?.limits));
}

function crossesNamespaces(pod: Pod): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  return [podAffinity, podAntiAffinity].some((affinity) =>
    [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((each) => each.podAffinityTerm),
    ].some((term) => (term?.namespaces ?? []).length > 0 || term?.namespaceSelector !== undefined),
  );
}
