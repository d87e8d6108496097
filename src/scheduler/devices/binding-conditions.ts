import type { ResourceClaim } from '../../generated/api/resource/v1.ts';

export interface BindingState {
  readonly state: 'ready' | 'waiting' | 'failed' | 'timed-out';
  /** Why it failed. */
  readonly message?: string;
}

/**
 * Whether the drivers of a claim's devices have made them ready for the node.
 *
 * Source: plugins/dynamicresources/dynamicresources.go (isClaimReadyForBinding, isClaimTimeout).
 */
export function bindingState({ metadata, status }: ResourceClaim, timeoutMs: number, nowMs: number): BindingState {
  const { allocation, devices = [] } = status ?? {};
  if (allocation === undefined) return { state: 'waiting' };
  const binding = (allocation.devices?.results ?? []).filter(({ bindingConditions }) => bindingConditions?.length);
  let ready = true;
  for (const { driver, pool, device, bindingConditions = [], bindingFailureConditions = [] } of binding) {
    const told = devices.find((each) => each.driver === driver && each.pool === pool && each.device === device);
    const isTrue = (type: string) => told?.conditions?.find((each) => each.type === type && each.status === 'True');
    for (const type of told === undefined ? [] : bindingFailureConditions) {
      const failed = isTrue(type);
      if (failed === undefined) continue;
      const what = `claim=${metadata.name}, reason=${failed.reason}, message=${JSON.stringify(failed.message)}`;
      return { state: 'failed', message: `device binding failed: ${what}` };
    }
    if (!bindingConditions.every(isTrue)) {
      ready = false;
      break;
    }
  }
  if (ready) return { state: 'ready' };
  const since = allocation.allocationTimestamp;
  const isLate = since !== undefined && Date.parse(since) + timeoutMs < nowMs;
  return isLate
    ? { state: 'timed-out', message: `device binding timeout: claim=${metadata.name}` }
    : { state: 'waiting' };
}

/** Whether some device of a claim must be made ready before its pod may go to the node. */
export function needsBinding({ status }: ResourceClaim): boolean {
  return status?.allocation?.devices?.results?.some(({ bindingConditions }) => bindingConditions?.length) ?? false;
}
