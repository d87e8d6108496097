import type { DeviceTaint, DeviceToleration, ResourceClaim, ResourceSlice } from '../../generated/api/resource/v1.ts';

/** The devices of a pool as their driver shows them now: those of its newest generation. */
export function taintsOf(
  slices: readonly ResourceSlice[],
  driver: string,
  pool: string,
  device: string,
): readonly DeviceTaint[] {
  const own = slices.filter(({ spec }) => spec.driver === driver && spec.pool.name === pool);
  const newest = Math.max(...own.map(({ spec }) => spec.pool.generation));
  for (const { spec } of own) {
    const found = spec.pool.generation === newest ? spec.devices?.find(({ name }) => name === device) : undefined;
    if (found !== undefined) return found.taints ?? [];
  }
  return [];
}

/**
 * When the users of a claim must go, in milliseconds: a device of theirs has a taint `NoExecute` that its request does
 * not tolerate, or for so long only. Undefined where they may stay.
 *
 * Source: `pkg/controller/devicetainteviction/device_taint_eviction.go` (claimEvictionTime).
 */
export function evictionMs({ status }: ResourceClaim, slices: readonly ResourceSlice[]): number | undefined {
  let dueMs: number | undefined;
  for (const { driver, pool, device, tolerations = [] } of status?.allocation?.devices?.results ?? []) {
    for (const taint of taintsOf(slices, driver, pool, device)) {
      if (taint.effect !== 'NoExecute') continue;
      const tolerating = tolerations.filter((each) => each.effect === 'NoExecute' && tolerates(each, taint));
      if (tolerating.some(({ tolerationSeconds }) => tolerationSeconds === undefined)) continue;
      const seconds = tolerating.map(({ tolerationSeconds = 0 }) => Math.max(0, tolerationSeconds));
      const graceMs = seconds.length === 0 ? 0 : Math.min(...seconds) * 1000;
      const ms = (taint.timeAdded === undefined ? 0 : Date.parse(taint.timeAdded)) + graceMs;
      dueMs = Math.min(dueMs ?? ms, ms);
    }
  }
  return dueMs;
}

/** Source: `k8s.io/dynamic-resource-allocation/resourceclaim/devicetoleration.go`. */
function tolerates({ key, operator, value = '' }: DeviceToleration, taint: DeviceTaint): boolean {
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (!operator || operator === 'Equal') && value === (taint.value ?? '');
}
