import type { CapacityRequestPolicy, CapacityRequirements, DeviceCapacity } from '../../generated/api/resource/v1.ts';
import { parseQuantity, Quantity } from '../../machinery/values/quantity.ts';

/** Amounts by the name of a capacity. */
export type Consumed = ReadonlyMap<string, Quantity>;
type Capacities = Readonly<Record<string, DeviceCapacity>>;

const NANO = 1_000_000_000n;

/** What a request takes of each capacity of a device: what it asks for, rounded as the device wants it. */
export function toConsumed(asked: CapacityRequirements | undefined, capacities: Capacities | undefined): Consumed {
  const consumed = new Map<string, Quantity>();
  for (const [name, capacity] of Object.entries(capacities ?? {}))
    consumed.set(name, consumedOf(asked?.requests?.[name], capacity));
  return consumed;
}

/**
 * Whether what a request asks for is left on a device, beside what others have taken.
 *
 * Source: `structured/internal/incubating/consumable_capacity.go` (CmpRequestOverCapacity).
 */
export function hasCapacity(
  asked: CapacityRequirements | undefined,
  capacities: Capacities | undefined,
  taken: readonly (Consumed | undefined)[],
): boolean {
  if (Object.keys(asked?.requests ?? {}).some((name) => capacities?.[name] === undefined)) return false;
  for (const [name, capacity] of Object.entries(capacities ?? {})) {
    let total = consumedOf(asked?.requests?.[name], capacity);
    if (violates(total, capacity.requestPolicy)) return false;
    for (const each of taken) {
      const other = each?.get(name);
      if (other !== undefined) total = total.add(other);
    }
    if (total.compare(parseQuantity(capacity.value)) > 0) return false;
  }
  return true;
}

/** Adds up what is taken of one device, or takes it off again; what comes to nothing is forgotten. */
export function addConsumed(total: Map<string, Quantity>, more: Consumed, sign: 1 | -1): void {
  for (const [name, amount] of more) {
    const before = total.get(name);
    if (before === undefined) {
      if (sign > 0) total.set(name, amount);
    } else total.set(name, sign > 0 ? before.add(amount) : before.subtract(amount));
  }
  if ([...total.values()].every((amount) => amount.isZero())) total.clear();
}

function consumedOf(asked: string | undefined, { value, requestPolicy }: DeviceCapacity): Quantity {
  if (asked === undefined) return parseQuantity(requestPolicy?.default ?? value);
  const wanted = parseQuantity(asked);
  const { validRange, validValues } = requestPolicy ?? {};
  if (validRange?.min !== undefined) {
    const least = parseQuantity(validRange.min);
    if (wanted.compare(least) < 0) return least;
    if (validRange.step === undefined) return wanted;
    const step = units(parseQuantity(validRange.step));
    const above = units(wanted) - units(least);
    const steps = above / step + (above % step === 0n ? 0n : 1n);
    return new Quantity((units(least) + step * steps) * NANO, 'binary');
  }
  for (const valid of validValues ?? []) {
    const candidate = parseQuantity(valid);
    if (wanted.compare(candidate) <= 0) return candidate;
  }
  return wanted;
}

function violates(amount: Quantity, policy: CapacityRequestPolicy | undefined): boolean {
  if (policy === undefined) return false;
  if (policy.default !== undefined && amount.compare(parseQuantity(policy.default)) === 0) return false;
  const { validRange, validValues = [] } = policy;
  if (validRange !== undefined) {
    const { min, max, step } = validRange;
    if (max !== undefined && amount.compare(parseQuantity(max)) > 0) return true;
    return step !== undefined && (units(amount) - units(parseQuantity(min))) % units(parseQuantity(step)) !== 0n;
  }
  return validValues.length > 0 && !validValues.some((valid) => amount.compare(parseQuantity(valid)) === 0);
}

/** Whole units, rounded up. */
function units({ nano }: Quantity): bigint {
  return nano / NANO + (nano % NANO > 0n ? 1n : 0n);
}
