import type { Node } from '../../generated/api/core/v1.ts';
import type { Endpoint, EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { isConditionTrue } from '../conditions.ts';

/** What may be above its fair part of a zone's endpoints. Source: `topologycache.go` (overloadThreshold). */
const OVERLOAD = 0.2;
const ZONE_LABEL = 'topology.kubernetes.io/zone';
const EXCLUDED_LABELS = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** Endpoints allotted to each zone. */
type ZoneCounts = ReadonlyMap<string, number>;

/** The slices of one family of a service, as planned so far. */
export interface SliceChanges {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly unchanged: readonly EndpointSlice[];
}

export interface HintEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'TopologyAwareHintsEnabled' | 'TopologyAwareHintsDisabled';
  readonly message: string;
}

export interface HintedChanges {
  readonly create: EndpointSlice[];
  readonly update: EndpointSlice[];
  readonly events: readonly HintEvent[];
}

/** Whether a service asks that its endpoints be spread over zones. Source: `k8s.io/endpointslice/utils.go` (hintsEnabled). */
export function wantsTopologyHints(annotations: Readonly<Record<string, string>> | undefined): boolean {
  const value =
    annotations?.['service.kubernetes.io/topology-aware-hints'] ?? annotations?.['service.kubernetes.io/topology-mode'];
  return value === 'Auto' || value === 'auto';
}

/**
 * Allots the endpoints of services to zones by the zones' part of all CPUs, so that most traffic stays in its zone and
 * no endpoint gets more than 20% above its fair part. Remembers what was allotted, to see when nodes change too much.
 *
 * Source: `k8s.io/endpointslice/topologycache`.
 */
export class TopologyHints {
  #ratios: ReadonlyMap<string, number> | undefined;
  readonly #allotted = new Map<string, Map<string, ZoneCounts>>();
  readonly #populated = new Set<string>();

  /** Takes the nodes as they are now; returns the services whose endpoints are to be allotted anew. */
  setNodes(nodes: readonly Node[]): string[] {
    this.#ratios = planRatios(nodes);
    const ratios = this.#ratios ?? new Map<string, number>();
    return [...this.#allotted]
      .filter(([, byType]) => [...byType.values()].some((counts) => isOverloaded(counts, ratios)))
      .map(([key]) => key);
  }

  /** Puts hints on the endpoints, or takes them off where they cannot be allotted. */
  add(key: string, addressType: string, changes: SliceChanges): HintedChanges {
    const refuse = (message: string): HintedChanges => {
      this.forget(key, addressType);
      const text = `${message}, addressType: ${addressType}`;
      return {
        ...withoutHints(changes),
        events: [{ type: 'Warning', reason: 'TopologyAwareHintsDisabled', message: text }],
      };
    };
    const all = [...changes.create, ...changes.update, ...changes.unchanged];
    const total = all.reduce((sum, { endpoints }) => sum + (endpoints ?? []).filter(isReady).length, 0);
    const allocations = planAllocations(this.#ratios, total);
    if (typeof allocations === 'string') return refuse(allocations);
    const counts = new Map<string, number>();
    const rewritten: EndpointSlice[] = [];
    for (const slice of changes.unchanged) {
      const found = countHints(slice, counts, allocations);
      if (found === undefined) rewritten.push(slice);
      else for (const [zone, count] of found) raise(counts, zone, count);
    }
    const create = changes.create.map(copy);
    const update = [...changes.update, ...rewritten].map(copy);
    const endpoints = [...create, ...update].flatMap((slice) => slice.endpoints ?? []);
    for (const endpoint of endpoints) {
      if (!isReady(endpoint)) continue;
      if (!endpoint.zone) return refuse('One or more endpoints do not have a zone specified');
      raise(counts, endpoint.zone, 1);
      endpoint.hints = { forZones: [{ name: endpoint.zone }] };
    }
    redistribute(endpoints, planMoves(allocations, counts), counts);
    if (counts.size === 0) return refuse('No hints allocated for zones');
    const isNew = !this.#populated.has(key);
    this.#allotted.set(key, (this.#allotted.get(key) ?? new Map()).set(addressType, counts));
    this.#populated.add(key);
    const message = `Topology Aware Hints has been enabled, addressType: ${addressType}`;
    return { create, update, events: isNew ? [{ type: 'Normal', reason: 'TopologyAwareHintsEnabled', message }] : [] };
  }

  /** The service does not ask for it (any more). */
  drop(key: string, addressType: string): readonly HintEvent[] {
    const had = this.#populated.has(key);
    this.forget(key, addressType);
    const message = `Topology Aware Hints has been disabled, addressType: ${addressType}`;
    return had ? [{ type: 'Warning', reason: 'TopologyAwareHintsDisabled', message }] : [];
  }

  forget(key: string, addressType: string): void {
    const byType = this.#allotted.get(key);
    byType?.delete(addressType);
    if (byType === undefined || byType.size === 0) this.#allotted.delete(key);
    this.#populated.delete(key);
  }
}

/** Each zone's part of the CPUs of all ready nodes; undefined where that is not known or says nothing. */
export function planRatios(nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  const millis = new Map<string, number>();
  let total = 0;
  for (const { metadata, status } of nodes) {
    if (EXCLUDED_LABELS.some((label) => metadata.labels?.[label] !== undefined)) continue;
    if (!isConditionTrue(status?.conditions, 'Ready')) continue;
    const zone = metadata.labels?.[ZONE_LABEL];
    const cpu = parseQuantity(status?.allocatable?.['cpu'] ?? '0').toMillis();
    if (!zone || cpu === 0) return undefined;
    raise(millis, zone, cpu);
    total += cpu;
  }
  if (millis.size < 2) return undefined;
  return new Map(Array.from(millis, ([zone, cpu]) => [zone, cpu / total]));
}

interface Allocation {
  readonly minimum: number;
  readonly maximum: number;
  readonly desired: number;
}

/** How many endpoints each zone is to have; a text says why that cannot be told. */
export function planAllocations(
  ratios: ReadonlyMap<string, number> | undefined,
  total: number,
): ReadonlyMap<string, Allocation> | string {
  if (ratios === undefined) {
    return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
  }
  const size = `(${total} endpoints, ${ratios.size} zones)`;
  if (ratios.size > total) return `Insufficient number of endpoints ${size}`;
  const minimums = Array.from(ratios, ([zone, ratio]) => {
    const desired = ratio * total;
    const minimum = Math.ceil(desired * (1 / (1 + OVERLOAD)));
    return { zone, minimum, desired: Math.max(desired, minimum) };
  });
  const least = minimums.reduce((sum, { minimum }) => sum + minimum, 0);
  if (least > total) {
    return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${size}`;
  }
  return new Map(
    minimums.map(({ zone, minimum, desired }) => [zone, { minimum, desired, maximum: minimum + total - least }]),
  );
}

/** The hints of a slice that may stay as it is; undefined where it is to be written anew. */
function countHints(
  slice: EndpointSlice,
  counts: ZoneCounts,
  allocations: ReadonlyMap<string, Allocation>,
): ZoneCounts | undefined {
  const found = new Map<string, number>();
  for (const endpoint of (slice.endpoints ?? []).filter(isReady)) {
    const zones = endpoint.hints?.forZones ?? [];
    if (zones.length === 0 || zones.some(({ name }) => !allocations.has(name))) return undefined;
    for (const { name } of zones) raise(found, name, 1);
  }
  for (const [zone, count] of found) {
    if (count + (counts.get(zone) ?? 0) > (allocations.get(zone)?.maximum ?? 0)) return undefined;
  }
  return found;
}

interface Moves {
  readonly giving: Map<string, number>;
  readonly receiving: Map<string, number>;
}

/** Endpoints that zones with too many give to those with too few. */
function planMoves(allocations: ReadonlyMap<string, Allocation>, counts: ZoneCounts): Moves {
  const over = new Map<string, number>();
  const under = new Map<string, number>();
  for (const [zone, { desired }] of allocations) {
    const count = counts.get(zone) ?? 0;
    if (count > desired) over.set(zone, count - desired);
    else if (count < desired) under.set(zone, desired - count);
  }
  const [giving, receiving] = [new Map<string, number>(), new Map<string, number>()];
  for (;;) {
    const [from, surplus] = most(over);
    const [to, lack] = most(under);
    if (from === '' || to === '' || (surplus < 1 && lack < 1) || surplus < 0.5 || lack < 0.5) break;
    raise(giving, from, 1);
    raise(over, from, -1);
    raise(receiving, to, 1);
    raise(under, to, -1);
  }
  return { giving, receiving };
}

function redistribute(endpoints: readonly Endpoint[], { giving, receiving }: Moves, counts: Map<string, number>): void {
  for (const endpoint of endpoints) {
    if (!isReady(endpoint) || !endpoint.zone) continue;
    if ((giving.get(endpoint.zone) ?? 0) <= 0) continue;
    const to = [...receiving.keys()].sort().find((zone) => (receiving.get(zone) ?? 0) > 0);
    if (to === undefined) return;
    endpoint.hints = { forZones: [{ name: to }] };
    raise(giving, endpoint.zone, -1);
    raise(receiving, to, -1);
    raise(counts, endpoint.zone, -1);
    raise(counts, to, 1);
  }
}

function isOverloaded(counts: ZoneCounts, ratios: ReadonlyMap<string, number>): boolean {
  if (counts.size === 0) return false;
  if (ratios.size === 0) return true;
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...ratios].some(([zone, ratio]) => {
    const count = counts.get(zone);
    return count === undefined || count < Math.ceil(total * ratio * (1 / (1 + OVERLOAD)));
  });
}

/** All slices without hints; those that had some are to be written. */
function withoutHints(changes: SliceChanges): { create: EndpointSlice[]; update: EndpointSlice[] } {
  const hinted = changes.unchanged.filter((slice) => slice.endpoints?.some(({ hints }) => hints !== undefined));
  return { create: changes.create.map(copy), update: [...changes.update, ...hinted].map(copy) };
}

/** A copy whose endpoints may be changed and carry no hints. */
function copy(slice: EndpointSlice): EndpointSlice {
  return { ...slice, endpoints: (slice.endpoints ?? []).map(({ hints: _, ...endpoint }) => endpoint) };
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready === true;
}

function raise(counts: Map<string, number>, zone: string, by: number): void {
  counts.set(zone, (counts.get(zone) ?? 0) + by);
}

function most(zones: ReadonlyMap<string, number>): [zone: string, count: number] {
  let best: [string, number] = ['', 0];
  for (const [zone, count] of zones) if (count > best[1]) best = [zone, count];
  return best;
}
