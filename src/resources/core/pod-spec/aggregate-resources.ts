import type { PodSpec } from '../../../generated/api/core/v1.ts';
import { parseQuantity, type Quantity } from '../../../machinery/values/quantity.ts';

type Amounts = Map<string, Quantity>;

/**
 * What all containers of a pod need at its worst moment: the sum of those that run together, or what one init container
 * needs beside the sidecars that started before it.
 *
 * Source: component-helpers `resource/helpers.go` (AggregateContainerRequests, AggregateContainerLimits).
 */
export function aggregateContainers(spec: PodSpec, which: 'requests' | 'limits'): Amounts {
  const running: Amounts = new Map();
  for (const { resources } of spec.containers ?? []) addTo(running, toAmounts(resources?.[which]));
  const sidecars: Amounts = new Map();
  const initial: Amounts = new Map();
  for (const { resources, restartPolicy } of spec.initContainers ?? []) {
    const own = toAmounts(resources?.[which]);
    if (restartPolicy === 'Always') {
      addTo(running, own);
      addTo(sidecars, own);
      raiseTo(initial, sidecars);
    } else {
      addTo(own, sidecars);
      raiseTo(initial, own);
    }
  }
  raiseTo(running, initial);
  return running;
}

function toAmounts(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, amount]) => [name, parseQuantity(amount)]));
}

function addTo(sum: Amounts, more: Amounts): void {
  for (const [name, amount] of more) sum.set(name, sum.get(name)?.add(amount) ?? amount);
}

function raiseTo(most: Amounts, other: Amounts): void {
  for (const [name, amount] of other) {
    const known = most.get(name);
    if (known === undefined || amount.compare(known) > 0) most.set(name, amount);
  }
}
