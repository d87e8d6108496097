import type { Pod, ResourceRequirements } from '../../../generated/api/core/v1.ts';
import { parseQuantity, type Quantity } from '../../../machinery/values/quantity.ts';

type Totals = Map<string, Quantity>;

/** Source: pkg/apis/core/helper/qos/qos.go (ComputePodQOS). */
export function qosClassOf({ spec }: Pod): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const parts: readonly (ResourceRequirements | undefined)[] = spec.resources
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ resources }) => resources);
  const requests: Totals = new Map();
  const limits: Totals = new Map();
  let guaranteed = true;
  for (const part of parts) {
    addTo(requests, part?.requests);
    const found = addTo(limits, part?.limits);
    // A pod as a whole without limits is told apart by its totals alone.
    if (found < 2 && (!spec.resources || Object.keys(part?.limits ?? {}).length > 0)) guaranteed = false;
  }
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  if (!guaranteed || requests.size !== limits.size) return 'Burstable';
  for (const [name, amount] of requests) if (limits.get(name)?.compare(amount) !== 0) return 'Burstable';
  return 'Guaranteed';
}

/** Adds CPU and memory above zero; the number of them. */
function addTo(totals: Totals, list: Readonly<Record<string, string>> | undefined): number {
  let found = 0;
  for (const name of ['cpu', 'memory']) {
    const text = list?.[name];
    const amount = text === undefined ? undefined : parseQuantity(text);
    if (amount === undefined || amount.nano <= 0n) continue;
    found++;
    totals.set(name, totals.get(name)?.add(amount) ?? amount);
  }
  return found;
}
