import type { PersistentVolumeClaimSpec } from '../../../generated/api/core/v1.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';

/** Source: pkg/api/persistentvolumeclaim/util.go (GetWarningsForPersistentVolumeClaimSpec). */
export function claimSpecWarnings({ resources }: PersistentVolumeClaimSpec, path: string): string[] {
  return (['requests', 'limits'] as const).flatMap((list) => {
    const amount = resources?.[list]?.['storage'];
    if (amount === undefined || parseQuantity(amount).toMillis() % 1000 === 0) return [];
    return [`${path}.resources.${list}[storage]: fractional byte value "${amount}" is invalid, must be an integer`];
  });
}
