import type { Device } from '../../generated/api/resource/v1.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';
import { type AllocatedDevices, deviceKey } from './allocated-devices.ts';
import type { Pool } from './pools.ts';

/** What is left of the counters that the devices of a pool share, by set and counter, in billionths. */
export class Counters {
  readonly #left = new Map<string, bigint>();

  /** Source: `structured/internal/incubating/allocator_incubating.go` (checkAvailableCounters). */
  constructor(pool: Pool, allocated: AllocatedDevices) {
    for (const [set, { counters }] of pool.counterSets)
      for (const [name, { value }] of Object.entries(counters)) this.#left.set(`${set}/${name}`, nanosOf(value));
    for (const { spec } of [...pool.slices, ...pool.elsewhere])
      for (const device of spec.devices ?? [])
        if (allocated.isUsed(deviceKey(pool.driver, pool.name, device.name))) this.take(device);
  }

  has(device: Device): boolean {
    return usesOf(device).every(({ key, nanos }) => (this.#left.get(key) ?? 0n) >= nanos);
  }

  take(device: Device): void {
    for (const { key, nanos } of usesOf(device)) this.#left.set(key, (this.#left.get(key) ?? 0n) - nanos);
  }

  giveBack(device: Device): void {
    for (const { key, nanos } of usesOf(device)) this.#left.set(key, (this.#left.get(key) ?? 0n) + nanos);
  }
}

function usesOf({ consumesCounters = [] }: Device): { key: string; nanos: bigint }[] {
  return consumesCounters.flatMap(({ counterSet, counters }) =>
    Object.entries(counters).map(([name, { value }]) => ({ key: `${counterSet}/${name}`, nanos: nanosOf(value) })),
  );
}

const nanosOf = (text: string): bigint => parseQuantity(text).nano;
