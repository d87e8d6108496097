import type { Container, Pod } from '../../../generated/api/core/v1.ts';
import { parseQuantity, type Quantity } from '../../../machinery/values/quantity.ts';

/** Amounts by resource name. */
export type Amounts = Map<string, Quantity>;

/** Reads a list of amounts as containers have it. */
export function toAmounts(list: Readonly<Record<string, unknown>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(String(text))]));
}

/**
 * What a pod asks for (or is limited to) as a whole: its containers and sidecars together, or an init container with the
 * sidecars before it where that is more. Source: `plugin/pkg/admission/limitranger` (podRequests, podLimits).
 */
export function podAmounts(pod: Pod, field: 'requests' | 'limits'): Amounts {
  const amountsOf = (container: Container): Amounts => toAmounts(container.resources?.[field]);
  const total: Amounts = new Map();
  for (const container of pod.spec?.containers ?? []) add(total, amountsOf(container));
  const sidecars: Amounts = new Map();
  const peak: Amounts = new Map();
  for (const container of pod.spec?.initContainers ?? []) {
    const own = amountsOf(container);
    if (container.restartPolicy === 'Always') {
      add(total, own);
      add(sidecars, own);
      raise(peak, sidecars);
      continue;
    }
    const together: Amounts = new Map(own);
    add(together, sidecars);
    raise(peak, together);
  }
  raise(total, peak);
  for (const [name, amount] of toAmounts(pod.spec?.resources?.[field])) {
    if (name === 'cpu' || name === 'memory') total.set(name, amount);
  }
  return total;
}

function add(total: Amounts, more: Amounts): void {
  for (const [name, amount] of more) total.set(name, total.get(name)?.add(amount) ?? amount);
}

function raise(total: Amounts, other: Amounts): void {
  for (const [name, amount] of other) {
    const known = total.get(name);
    if (known === undefined || known.compare(amount) < 0) total.set(name, amount);
  }
}
