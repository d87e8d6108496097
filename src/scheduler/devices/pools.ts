import type { Node, NodeSelector } from '../../generated/api/core/v1.ts';
import type { CounterSet, Device, ResourceSlice } from '../../generated/api/resource/v1.ts';
import { matchesNodeSelector } from '../../machinery/values/node-selector.ts';

/** The devices of one driver's pool that a node can reach. */
export interface Pool {
  readonly driver: string;
  readonly name: string;
  readonly state: 'complete' | 'incomplete' | 'invalid';
  /** Slices with devices for the node, by name. */
  readonly slices: readonly ResourceSlice[];
  /** Slices of other nodes: their devices may use up counters that are shared. */
  readonly elsewhere: readonly ResourceSlice[];
  readonly counterSets: ReadonlyMap<string, CounterSet>;
}

/** Where a slice or a device can be reached from. */
interface Reach {
  readonly nodeName?: string | undefined;
  readonly allNodes?: boolean | undefined;
  readonly nodeSelector?: NodeSelector | undefined;
}

export function reaches({ nodeName, allNodes, nodeSelector }: Reach, node: Node): boolean {
  if (nodeName) return node.metadata.name === nodeName;
  return allNodes === true || (nodeSelector !== undefined && matchesNodeSelector(nodeSelector, node));
}

export const isPerDevice = ({ spec }: ResourceSlice): boolean => spec.perDeviceNodeSelection === true;
const hasCounters = ({ spec }: ResourceSlice): boolean => (spec.sharedCounters?.length ?? 0) > 0;
const poolKey = ({ spec }: ResourceSlice): string => `${spec.driver}/${spec.pool.name}`;

/** Slices by where to look for them, made once for many nodes. */
export class SliceIndex {
  readonly #local = new Map<string, ResourceSlice[]>();
  readonly #shared: ResourceSlice[] = [];
  readonly #byPool = new Map<string, ResourceSlice[]>();

  constructor(slices: readonly ResourceSlice[]) {
    for (const slice of slices) {
      const { nodeName } = slice.spec;
      if (!nodeName || hasCounters(slice)) this.#shared.push(slice);
      else append(this.#local, nodeName, slice);
      append(this.#byPool, poolKey(slice), slice);
    }
  }

  /**
   * The pools that a node can take devices from, by driver and name; those with devices that must be made ready first
   * come last. Of a pool, the newest generation counts.
   *
   * Source: `structured/internal/incubating/pools_incubating.go` (GatherPools).
   */
  poolsFor(node: Node): Pool[] {
    const found = new Map<string, ResourceSlice[]>();
    for (const slice of [...(this.#local.get(node.metadata.name ?? '') ?? []), ...this.#shared]) {
      if (!isRelevant(slice, node)) continue;
      const key = poolKey(slice);
      const known = found.get(key);
      const newer = slice.spec.pool.generation - (known?.[0]?.spec.pool.generation ?? -1);
      if (known === undefined || newer > 0) found.set(key, [slice]);
      else if (newer === 0) known.push(slice);
    }
    const pools: Pool[] = [];
    for (const [key, slices] of found) {
      const pool = toPool(slices, this.#byPool.get(key) ?? []);
      if (pool !== undefined) pools.push(pool);
    }
    pools.sort((a, b) => compare(a.driver, b.driver) || compare(a.name, b.name));
    return [...pools.filter((pool) => !isBinding(pool)), ...pools.filter(isBinding)];
  }
}

function isRelevant(slice: ResourceSlice, node: Node): boolean {
  const { nodeName, allNodes, nodeSelector, devices = [] } = slice.spec;
  if (hasCounters(slice)) return true;
  if (nodeName || allNodes || nodeSelector) return reaches(slice.spec, node);
  return isPerDevice(slice) && devices.some((device) => reaches(device, node));
}

/** Undefined where a newer generation is about to replace what the node sees. */
function toPool(slices: ResourceSlice[], ofPool: readonly ResourceSlice[]): Pool | undefined {
  const [first] = slices as [ResourceSlice, ...ResourceSlice[]];
  const { driver, pool } = first.spec;
  const nothing = { driver, name: pool.name, slices: [], elsewhere: [], counterSets: new Map<string, CounterSet>() };
  let all: readonly ResourceSlice[] = slices;
  if (slices.length !== pool.resourceSliceCount) {
    if (ofPool.some(({ spec }) => spec.pool.generation > pool.generation)) return undefined;
    all = ofPool.filter(({ spec }) => spec.pool.generation === pool.generation);
    if (all.length !== pool.resourceSliceCount) return { ...nothing, state: 'incomplete' };
  }
  slices.sort((a, b) => compare(a.metadata.name ?? '', b.metadata.name ?? ''));
  const withDevices = slices.filter((slice) => !hasCounters(slice));
  const elsewhere = all.filter((slice) => !slices.includes(slice));
  const counterSets = new Map<string, CounterSet>();
  for (const { spec } of slices) {
    for (const set of spec.sharedCounters ?? []) {
      if (counterSets.has(set.name)) return { ...nothing, state: 'invalid' };
      counterSets.set(set.name, set);
    }
  }
  const names = withDevices.flatMap(({ spec }) => (spec.devices ?? []).map(({ name }) => name));
  const isValid =
    new Set(names).size === names.length &&
    [...slices, ...elsewhere].every(({ spec }) => (spec.devices ?? []).every((each) => isCounted(each, counterSets)));
  if (!isValid) return { ...nothing, state: 'invalid' };
  return { ...nothing, state: 'complete', slices: withDevices, elsewhere, counterSets };
}

/** Whether the counters that a device uses exist. */
function isCounted({ consumesCounters = [] }: Device, sets: ReadonlyMap<string, CounterSet>): boolean {
  return consumesCounters.every(({ counterSet, counters }) => {
    const known = sets.get(counterSet)?.counters;
    return known !== undefined && Object.keys(counters).every((name) => known[name] !== undefined);
  });
}

const isBinding = ({ slices }: Pool): boolean =>
  slices.some(({ spec }) => spec.devices?.some(({ bindingConditions }) => bindingConditions !== undefined));

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function append(map: Map<string, ResourceSlice[]>, key: string, slice: ResourceSlice): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [slice]);
  else known.push(slice);
}
