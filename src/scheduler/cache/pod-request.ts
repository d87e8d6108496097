import type { Container, Pod } from '../../generated/api/core/v1.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';

/** Amounts by resource: `cpu` in thousandths, everything else in whole units. */
export type Amounts = ReadonlyMap<string, number>;

export interface PodRequest {
  readonly amounts: Amounts;
  /** Requests with upstream's least values for what asks for nothing; only scoring uses them. */
  readonly scored: { readonly cpu: number; readonly memory: number };
  readonly hostPorts: readonly HostPort[];
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** Source: pkg/scheduler/util/pod_resources.go. */
const LEAST_CPU_MILLIS = 100;
const LEAST_MEMORY = 200 * 1024 * 1024;

/** Turns a resource list into numbers. */
export function toAmounts(list: Readonly<Record<string, string>> | undefined): Map<string, number> {
  const amounts = new Map<string, number>();
  for (const [name, text] of Object.entries(list ?? {})) amounts.set(name, toAmount(name, text));
  return amounts;
}

function toAmount(resource: string, text: string): number {
  const quantity = parseQuantity(String(text));
  return resource === 'cpu' ? quantity.toMillis() : quantity.toInteger();
}

/**
 * What a pod asks of its node: its containers together, or an init container where that asks for more; sidecars (init
 * containers that restart) count with the containers; overhead is added.
 *
 * Source: component-helpers `resource/helpers.go` (PodRequests).
 */
export function toPodRequest(pod: Pod): PodRequest {
  const { containers = [], initContainers = [], overhead, resources } = pod.spec;
  const total = new Map<string, number>();
  const scored = { cpu: 0, memory: 0 };
  for (const container of containers) {
    const request = requestOf(container);
    addTo(total, request);
    scored.cpu += request.get('cpu') ?? LEAST_CPU_MILLIS;
    scored.memory += request.get('memory') ?? LEAST_MEMORY;
  }
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of initContainers) {
    const request = requestOf(container);
    if (container.restartPolicy === 'Always') {
      addTo(sidecars, request);
      addTo(total, request);
      raise(peak, sidecars);
    } else {
      const alone = new Map(sidecars);
      addTo(alone, request);
      raise(peak, alone);
    }
  }
  raise(total, peak);
  for (const [name, amount] of toAmounts(resources?.requests)) total.set(name, amount);
  addTo(total, toAmounts(overhead));
  scored.cpu = Math.max(scored.cpu, peak.get('cpu') ?? 0);
  scored.memory = Math.max(scored.memory, peak.get('memory') ?? 0);
  return { amounts: total, scored, hostPorts: hostPortsOf(pod) };
}

function requestOf(container: Container): Map<string, number> {
  return toAmounts({ ...container.resources?.limits, ...container.resources?.requests });
}

function addTo(total: Map<string, number>, more: Amounts): void {
  for (const [name, amount] of more) total.set(name, (total.get(name) ?? 0) + amount);
}

function raise(total: Map<string, number>, least: Amounts): void {
  for (const [name, amount] of least) if ((total.get(name) ?? 0) < amount) total.set(name, amount);
}

function hostPortsOf(pod: Pod): HostPort[] {
  const { containers = [], initContainers = [] } = pod.spec;
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort }) => (hostPort ?? 0) > 0)
      .map(({ hostPort, hostIP, protocol }) => ({
        ip: hostIP || '0.0.0.0',
        protocol: protocol || 'TCP',
        port: hostPort as number,
      })),
  );
}
