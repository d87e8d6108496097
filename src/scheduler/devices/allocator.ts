import type { Node } from '../../generated/api/core/v1.ts';
import type { AllocationResult, DeviceClass, ResourceClaim, ResourceSlice } from '../../generated/api/resource/v1.ts';
import type { Quantity } from '../../machinery/values/quantity.ts';
import { type AllocatedDevices, deviceKey } from './allocated-devices.ts';
import { toAllocation } from './allocation-result.ts';
import { addConsumed, hasCapacity, toConsumed } from './capacity.ts';
import { type Constraint, toConstraint } from './constraints.ts';
import { Counters } from './counters.ts';
import { type DeviceMatcher, SelectorError } from './device-matcher.ts';
import { isPerDevice, type Pool, reaches, type SliceIndex } from './pools.ts';
import {
  AllocationError,
  claimText,
  isTaintedFor,
  MOST_DEVICES,
  type Option,
  ownName,
  type PlacedDevice,
  toOptions,
} from './requests.ts';

export interface AllocatorOptions {
  readonly slices: SliceIndex;
  readonly allocated: AllocatedDevices;
  readonly matcher: DeviceMatcher;
  findClass(name: string): DeviceClass | undefined;
  /** A new name for a share of a device. */
  newShareId(): string;
  /** Called before each step of the search. @throws to end it. */
  checkTime(): void;
}

/** A device that the search has taken. */
export interface TakenDevice extends PlacedDevice {
  readonly option: Option;
  readonly shareId: string | undefined;
  readonly consumed: ReadonlyMap<string, Quantity> | undefined;
}

/** How the search ended below a step; `too-many`: no choice there stays within the devices that a claim may have. */
type Outcome = 'done' | 'failed' | 'too-many';

interface Place {
  readonly pool: number;
  readonly slice: number;
  readonly device: number;
}

interface Step {
  readonly claim: number;
  readonly request: number;
  /** Undefined before an alternative is chosen. */
  readonly option: number | undefined;
  readonly device: number;
}

const START: Place = { pool: 0, slice: 0, device: 0 };

interface ClaimPlan {
  readonly claim: ResourceClaim;
  readonly requests: readonly (readonly Option[])[];
  readonly constraints: readonly Constraint[];
  readonly taken: TakenDevice[];
  /** Which alternative each request got. */
  readonly chosen: number[];
}

/** Undefined: the claims cannot be served on the node. */
export type Allocations = readonly AllocationResult[] | undefined;

/** Thrown where pools are broken and the others do not do; other nodes may do. */
export class InvalidPoolsError extends Error {
  override readonly name = 'InvalidPoolsError';
  constructor() {
    super('invalid resource pools were encountered');
  }
}

/**
 * Finds devices for claims on a node: every request is tried with every device in turn, and the first full solution is
 * taken. The same devices are not tried again in another order.
 *
 * @throws AllocationError where claims or classes are wrong; InvalidPoolsError.
 * Source: `structured/internal/incubating/allocator_incubating.go` (Allocate, allocateOne, allocateDevice).
 */
export function allocate(node: Node, claims: readonly ResourceClaim[], options: AllocatorOptions): Allocations {
  const search = new Search(node, claims, options);
  return search.run();
}

class Search {
  readonly #node: Node;
  readonly #options: AllocatorOptions;
  readonly #pools: readonly Pool[];
  readonly #plans: readonly ClaimPlan[];
  readonly #all = new Map<Option, readonly PlacedDevice[]>();
  readonly #counters = new Map<Pool, Counters>();
  /** Claims that take a device, by the device. */
  readonly #taking = new Map<string, Set<number>>();
  readonly #consuming = new Map<string, Map<string, Quantity>>();

  constructor(node: Node, claims: readonly ResourceClaim[], options: AllocatorOptions) {
    this.#node = node;
    this.#options = options;
    this.#pools = options.slices.poolsFor(node);
    this.#plans = claims.map((claim) => this.#plan(claim));
  }

  run(): Allocations {
    const outcome = this.#take({ claim: 0, request: 0, option: undefined, device: 0 }, START);
    if (outcome === 'too-many') throw new AllocationError('allocation max size exceeded');
    if (outcome === 'done') {
      return this.#plans.map(({ claim, requests, taken, chosen }) => {
        const options = requests.map((each, at) => each[chosen[at] ?? 0] as Option);
        return toAllocation(claim, options, taken, this.#node.metadata.name ?? '');
      });
    }
    if (this.#pools.some(({ state }) => state === 'invalid')) throw new InvalidPoolsError();
    return undefined;
  }

  #plan(claim: ResourceClaim): ClaimPlan {
    const { requests = [], constraints = [] } = claim.spec.devices ?? {};
    const options = requests.map((request) => toOptions(request, claim, this.#options.findClass));
    let least = 0;
    for (const each of options) least += Math.min(...each.map((option) => this.#countFor(option, claim)));
    if (least > MOST_DEVICES) {
      const what = `number of requested devices ${least} exceeds the claim limit of ${MOST_DEVICES}`;
      throw new AllocationError(`claim ${claimText(claim)}: ${what}`);
    }
    const rules = constraints.map((each, index) => {
      const rule = toConstraint(each);
      if (rule !== undefined) return rule;
      const what = 'empty constraint (unsupported constraint type?)';
      throw new AllocationError(`claim ${claimText(claim)}, constraint #${index}: ${what}`);
    });
    return { claim, requests: options, constraints: rules, taken: [], chosen: requests.map(() => 0) };
  }

  /** How many devices an option takes; for all of them, they are looked up once. */
  #countFor(option: Option, claim: ResourceClaim): number {
    const { asked, name } = option;
    if (asked.allocationMode !== 'All') return asked.count ?? 1;
    const where = `claim ${claimText(claim)}, request ${ownName(name)}: asks for all devices, but resource pool`;
    const all: PlacedDevice[] = [];
    for (const pool of this.#pools) {
      const what = pool.state === 'incomplete' ? 'being updated' : 'invalid';
      if (pool.state !== 'complete')
        throw new AllocationError(`${where} ${pool.driver}/${pool.name} is currently ${what}`);
      for (const slice of pool.slices)
        for (const device of slice.spec.devices ?? []) {
          const placed = { key: deviceKey(pool.driver, pool.name, device.name), device, slice, pool };
          if (this.#isSelected(option, placed, claim) && this.#hasRoom(option, placed)) all.push(placed);
        }
    }
    this.#all.set(option, all);
    return all.length;
  }

  #take(step: Step, start: Place): Outcome {
    this.#options.checkTime();
    const plan = this.#plans[step.claim];
    if (plan === undefined) return 'done';
    const options = plan.requests[step.request];
    if (options === undefined) {
      // What another claim needs at least may change with what this one is given.
      const outcome = this.#take({ claim: step.claim + 1, request: 0, option: undefined, device: 0 }, START);
      return outcome === 'too-many' ? 'failed' : outcome;
    }
    if (step.option === undefined) return this.#tryOptions(step, plan, options);
    const option = options[step.option] as Option;
    const all = this.#all.get(option);
    if (all?.length === 0) return 'failed';
    const count = all?.length ?? option.asked.count ?? 1;
    if (step.device >= count) {
      plan.chosen[step.request] = step.option;
      return this.#take({ claim: step.claim, request: step.request + 1, option: undefined, device: 0 }, START);
    }
    if (plan.taken.length + count - step.device > MOST_DEVICES) return 'too-many';
    if (all === undefined) return this.#tryDevices(step, plan, option, start);
    // All devices are wanted, so their order does not matter: one that cannot be had ends it.
    const giveBack = this.#grab(step.claim, plan, option, all[step.device] as PlacedDevice, { must: true });
    if (giveBack === undefined) return 'failed';
    const outcome = this.#take({ ...step, device: step.device + 1 }, START);
    if (outcome !== 'done') giveBack();
    return outcome;
  }

  #tryOptions(step: Step, plan: ClaimPlan, options: readonly Option[]): Outcome {
    let worst: Outcome = 'too-many';
    for (const option of options.keys()) {
      const outcome = this.#take({ ...step, option }, START);
      if (outcome === 'done') {
        plan.chosen[step.request] = option;
        return outcome;
      }
      if (outcome === 'failed') worst = 'failed';
    }
    return worst;
  }

  #tryDevices(step: Step, plan: ClaimPlan, option: Option, start: Place): Outcome {
    for (let p = start.pool; p < this.#pools.length; p++) {
      const pool = this.#pools[p] as Pool;
      if (pool.state !== 'complete') continue;
      for (let s = p === start.pool ? start.slice : 0; s < pool.slices.length; s++) {
        const slice = pool.slices[s] as ResourceSlice;
        const devices = slice.spec.devices ?? [];
        for (let d = p === start.pool && s === start.slice ? start.device : 0; d < devices.length; d++) {
          const device = devices[d] as PlacedDevice['device'];
          const placed = { key: deviceKey(pool.driver, pool.name, device.name), device, slice, pool };
          if (this.#isInUse(step.claim, option, placed)) continue;
          if (!this.#isSelected(option, placed, plan.claim)) continue;
          const giveBack = this.#grab(step.claim, plan, option, placed, { must: false });
          if (giveBack === undefined) continue;
          const outcome = this.#take({ ...step, device: step.device + 1 }, { pool: p, slice: s, device: d + 1 });
          if (outcome === 'done') return outcome;
          giveBack();
          if (outcome === 'too-many') return outcome;
        }
      }
    }
    return 'failed';
  }

  /** Takes a device for the claim, and says how to give it back; undefined where it cannot be had. */
  #grab(
    claim: number,
    plan: ClaimPlan,
    option: Option,
    placed: PlacedDevice,
    { must }: { readonly must: boolean },
  ): (() => void) | undefined {
    const { device, key, pool } = placed;
    const { asked, name } = option;
    const isShared = device.allowMultipleAllocations === true;
    if (this.#isInUse(claim, option, placed) || !this.#hasRoom(option, placed)) return undefined;
    const counters =
      device.consumesCounters?.length && !(isShared && this.#isShareUsed(key)) ? this.#countersOf(pool) : undefined;
    if (counters?.has(device) === false) return undefined;
    if (isTaintedFor(device, asked.tolerations ?? [])) return undefined;
    for (const [index, constraint] of plan.constraints.entries()) {
      if (constraint.add(name, device, pool.driver)) continue;
      if (must) {
        const what = `cannot add device ${key} because a claim constraint would not be satisfied`;
        throw new AllocationError(`claim ${claimText(plan.claim)}, request ${ownName(name)}: ${what}`);
      }
      for (const added of plan.constraints.slice(0, index)) added.remove(name);
      return undefined;
    }
    counters?.take(device);
    const consumed = isShared ? toConsumed(asked.capacity, device.capacity) : undefined;
    if (isShared) this.#consume(key, consumed, 1);
    else this.#takingOf(key).add(claim);
    const shareId = isShared ? this.#options.newShareId() : undefined;
    plan.taken.push({ ...placed, option, shareId, consumed });
    return () => {
      plan.taken.pop();
      for (const constraint of plan.constraints) constraint.remove(name);
      counters?.giveBack(device);
      if (isShared) this.#consume(key, consumed, -1);
      else this.#takingOf(key).delete(claim);
    };
  }

  #isInUse(claim: number, { adminAccess }: Option, { key }: PlacedDevice): boolean {
    // An administrator may look at what others use, but gets each device but once.
    if (adminAccess) return this.#taking.get(key)?.has(claim) === true;
    return this.#options.allocated.isTaken(key) || (this.#taking.get(key)?.size ?? 0) > 0;
  }

  #isShareUsed(key: string): boolean {
    return this.#options.allocated.consumedOf(key) !== undefined || this.#consuming.has(key);
  }

  #hasRoom({ asked }: Option, { key, device }: PlacedDevice): boolean {
    const taken = [this.#options.allocated.consumedOf(key), this.#consuming.get(key)];
    return hasCapacity(asked.capacity, device.capacity, taken);
  }

  #isSelected(option: Option, { device, slice, pool }: PlacedDevice, claim: ResourceClaim): boolean {
    let selected = option.selects.get(device);
    if (selected === undefined) {
      const { deviceClass, asked } = option;
      selected =
        this.#satisfies(device, pool, deviceClass.spec.selectors, `class ${deviceClass.metadata.name}`) &&
        this.#satisfies(device, pool, asked.selectors, `claim ${claimText(claim)}`) &&
        (!isPerDevice(slice) || reaches(device, this.#node));
      option.selects.set(device, selected);
    }
    return selected;
  }

  #satisfies(
    device: PlacedDevice['device'],
    { driver }: Pool,
    selectors: Option['asked']['selectors'] = [],
    whose: string,
  ): boolean {
    return selectors.every(({ cel }, index) => {
      try {
        return this.#options.matcher.matches(cel?.expression ?? '', device, driver);
      } catch (error) {
        if (!(error instanceof SelectorError)) throw error;
        throw new AllocationError(`${whose}: selector #${index}: ${error.message}`, { cause: error });
      }
    });
  }

  #countersOf(pool: Pool): Counters {
    let counters = this.#counters.get(pool);
    if (counters === undefined) {
      counters = new Counters(pool, this.#options.allocated);
      this.#counters.set(pool, counters);
    }
    return counters;
  }

  #takingOf(key: string): Set<number> {
    let taking = this.#taking.get(key);
    if (taking === undefined) {
      taking = new Set();
      this.#taking.set(key, taking);
    }
    return taking;
  }

  #consume(key: string, consumed: ReadonlyMap<string, Quantity> | undefined, sign: 1 | -1): void {
    const total = this.#consuming.get(key) ?? new Map<string, Quantity>();
    addConsumed(total, consumed ?? new Map(), sign);
    if (total.size === 0) this.#consuming.delete(key);
    else this.#consuming.set(key, total);
  }
}
