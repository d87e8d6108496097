import type { Container, Pod } from '../../../generated/api/core/v1.ts';
import { type Amounts, addAmounts, maxAmounts, toAmounts } from '../../../resources/quota/amounts.ts';

/**
 * What a pod asks for (or is limited to) as a whole, by its spec alone: its containers and sidecars together, or an init
 * container with the sidecars before it where that is more. Source: `plugin/pkg/admission/limitranger` (podRequests, podLimits).
 */
export function podAmounts(pod: Pod, field: 'requests' | 'limits'): Amounts {
  const amountsOf = (container: Container): Amounts => toAmounts(container.resources?.[field]);
  let total: Amounts = new Map();
  let sidecars: Amounts = new Map();
  let peak: Amounts = new Map();
  for (const container of pod.spec?.containers ?? []) total = addAmounts(total, amountsOf(container));
  for (const container of pod.spec?.initContainers ?? []) {
    const own = amountsOf(container);
    if (container.restartPolicy === 'Always') {
      total = addAmounts(total, own);
      sidecars = addAmounts(sidecars, own);
      peak = maxAmounts(peak, sidecars);
    } else peak = maxAmounts(peak, addAmounts(own, sidecars));
  }
  const most = maxAmounts(total, peak);
  for (const [name, amount] of toAmounts(pod.spec?.resources?.[field])) {
    if (name === 'cpu' || name === 'memory') most.set(name, amount);
  }
  return most;
}
