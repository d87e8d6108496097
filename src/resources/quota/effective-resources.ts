import type { Container, ContainerStatus, Pod } from '../../generated/api/core/v1.ts';
import type { Quantity } from '../../machinery/values/quantity.ts';
import { type Amounts, addAmounts, maxAmounts, toAmounts } from './amounts.ts';

type Field = 'requests' | 'limits';

/**
 * What a pod takes as a whole: its containers and sidecars together, or an init container with the sidecars before it
 * where that is more; what the pod asks for itself stands above it. While a container is being resized, the larger of
 * what is wished, granted and in place counts. Source: component-helpers `resource/helpers.go` (PodRequests, PodLimits).
 */
export function effectiveResources(pod: Pod, field: Field): Map<string, Quantity> {
  return resourcesOf(pod, field, statusesOf(pod));
}

/** What the spec alone tells of it. */
export function specResources(pod: Pod, field: Field): Map<string, Quantity> {
  return resourcesOf(pod, field, new Map());
}

function resourcesOf(pod: Pod, field: Field, statuses: ReadonlyMap<string, ContainerStatus>): Map<string, Quantity> {
  const infeasible = isResizeInfeasible(pod);
  const of = (container: Container, resizes: boolean): Amounts => {
    const wished = toAmounts(container.resources?.[field]);
    const status = resizes ? statuses.get(container.name) : undefined;
    if (status?.resources === undefined) return wished;
    const inPlace = toAmounts(status.resources[field]);
    const granted = field === 'requests' ? toAmounts(status.allocatedResources) : new Map<string, Quantity>();
    const held = maxAmounts(inPlace, granted);
    return infeasible ? held : maxAmounts(wished, held);
  };
  let total: Map<string, Quantity> = new Map();
  for (const container of pod.spec?.containers ?? []) total = addAmounts(total, of(container, true));
  let sidecars: Amounts = new Map();
  let peak: Amounts = new Map();
  for (const container of pod.spec?.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      const own = of(container, true);
      total = addAmounts(total, own);
      sidecars = addAmounts(sidecars, own);
      peak = maxAmounts(peak, sidecars);
    } else peak = maxAmounts(peak, addAmounts(of(container, false), sidecars));
  }
  total = maxAmounts(total, peak);
  for (const [name, amount] of toAmounts(pod.spec?.resources?.[field])) {
    if (isPodLevelResource(name)) total.set(name, amount);
  }
  return withOverhead(total, pod, field);
}

/** The overhead of the runtime adds to requests always, and to limits where there are any. */
function withOverhead(total: Map<string, Quantity>, pod: Pod, field: Field): Map<string, Quantity> {
  const overhead = toAmounts(pod.spec?.overhead);
  if (field === 'requests') return addAmounts(total, overhead);
  for (const [name, amount] of overhead) {
    const limit = total.get(name);
    if (limit !== undefined && !limit.isZero()) total.set(name, limit.add(amount));
  }
  return total;
}

function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/** Whether the pod as a whole has requests or limits of its own. */
export function hasPodLevelResources(pod: Pod): boolean {
  const { requests, limits } = pod.spec?.resources ?? {};
  return [...Object.keys(requests ?? {}), ...Object.keys(limits ?? {})].some(isPodLevelResource);
}

function statusesOf(pod: Pod): ReadonlyMap<string, ContainerStatus> {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  return new Map([...containerStatuses, ...initContainerStatuses].map((status) => [status.name, status]));
}

function isResizeInfeasible(pod: Pod): boolean {
  const pending = pod.status?.conditions?.find(({ type }) => type === 'PodResizePending');
  return pending?.reason === 'Infeasible';
}
