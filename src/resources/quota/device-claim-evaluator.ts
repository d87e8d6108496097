import type { ResourceClaim } from '../../generated/api/resource/v1.ts';
import { type Amounts, addAmounts, maxAmounts, whole } from './amounts.ts';
import type { Evaluator } from './evaluator.ts';

const COUNT = 'count/resourceclaims.resource.k8s.io';
const SUFFIX = '.deviceclass.resource.k8s.io/devices';
/** As many as one claim may get. Source: `k8s.io/api/resource/v1` (AllocationResultsMaxSize). */
const MOST_DEVICES = 32;

/** Counts devices by their class. Source: `pkg/quota/v1/evaluator/core/resource_claims.go`. */
export const deviceClaimEvaluator: Evaluator = {
  counts: (name) => name === COUNT || name.endsWith(SUFFIX),
  isInScope: () => false,
  usage(object) {
    const claim = object as unknown as ResourceClaim;
    let usage: Amounts = new Map([[COUNT, whole(1)]]);
    for (const { exactly, firstAvailable = [] } of claim.spec.devices?.requests ?? []) {
      // Of alternatives, the worst case of each class counts.
      const most = firstAvailable.reduce<Amounts>((known, each) => maxAmounts(known, devicesOf(each)), new Map());
      if (firstAvailable.length > 0) usage = addAmounts(usage, most);
      else if (exactly !== undefined) usage = addAmounts(usage, devicesOf(exactly));
    }
    return usage;
  },
};

interface DeviceWish {
  readonly deviceClassName: string;
  readonly allocationMode?: string | undefined;
  readonly count?: number | undefined;
}

function devicesOf({ deviceClassName, allocationMode, count = 0 }: DeviceWish): Amounts {
  const devices = allocationMode === 'ExactCount' ? count : allocationMode === 'All' ? MOST_DEVICES : 0;
  return new Map([[deviceClassName + SUFFIX, whole(devices)]]);
}
