import type { AllocationResult, DeviceRequestAllocationResult } from '../../generated/api/resource/v1.ts';
import { parseQuantity, type Quantity } from '../../machinery/values/quantity.ts';
import { addConsumed, type Consumed } from './capacity.ts';

/** Names a device in the cluster. */
export const deviceKey = (driver: string, pool: string, device: string): string => `${driver}/${pool}/${device}`;

/**
 * The devices that allocations hold: whole ones, and shares of those that may be shared. Access as an administrator
 * holds nothing.
 *
 * Source: plugins/dynamicresources/allocateddevices.go.
 */
export class AllocatedDevices {
  readonly #counted = new Map<string, AllocationResult>();
  readonly #whole = new Map<string, number>();
  readonly #shares = new Map<string, number>();
  readonly #consumed = new Map<string, Map<string, Quantity>>();

  /** Replaces what a holder has; undefined: nothing any more. */
  set(holder: string, allocation: AllocationResult | undefined): void {
    const before = this.#counted.get(holder);
    if (before === allocation) return;
    if (before !== undefined) this.#count(before, -1);
    if (allocation === undefined) this.#counted.delete(holder);
    else {
      this.#counted.set(holder, allocation);
      this.#count(allocation, 1);
    }
  }

  /** Whether nobody else can have the device. */
  isTaken(device: string): boolean {
    return this.#whole.has(device);
  }

  /** Whether anybody has the device or a share of it. */
  isUsed(device: string): boolean {
    return this.#whole.has(device) || this.#shares.has(device);
  }

  consumedOf(device: string): Consumed | undefined {
    const consumed = this.#consumed.get(device);
    return consumed === undefined || consumed.size === 0 ? undefined : consumed;
  }

  #count({ devices }: AllocationResult, sign: 1 | -1): void {
    for (const result of devices?.results ?? []) {
      if (result.adminAccess) continue;
      const key = deviceKey(result.driver, result.pool, result.device);
      if (result.shareID === undefined) bump(this.#whole, key, sign);
      else {
        bump(this.#shares, key, sign);
        this.#consume(key, result, sign);
      }
    }
  }

  #consume(key: string, { consumedCapacity }: DeviceRequestAllocationResult, sign: 1 | -1): void {
    if (consumedCapacity === undefined) return;
    const more = new Map(Object.entries(consumedCapacity).map(([name, text]) => [name, parseQuantity(text)]));
    const total = this.#consumed.get(key) ?? new Map<string, Quantity>();
    this.#consumed.set(key, total);
    addConsumed(total, more, sign);
    if (total.size === 0) this.#consumed.delete(key);
  }
}

function bump(counts: Map<string, number>, key: string, sign: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + sign;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
