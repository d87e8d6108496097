import type { EndpointAddress, EndpointPort, EndpointSubset } from '../../generated/api/core/v1.ts';
import { toStableText } from '../safe-hash.ts';

/** Readiness of addresses by their key. */
type Readiness = Map<string, boolean>;

/**
 * Subsets in one form whatever the writer chose: an address counts as what it was first described as, one that is
 * anywhere not ready for a port is not ready, and ports with the same addresses share a subset.
 *
 * Source: `pkg/api/v1/endpoints/util.go` (RepackSubsets).
 */
export function repackSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const addresses = new Map<string, EndpointAddress>();
  const byPort = new Map<string, { readonly port: EndpointPort | undefined; readonly readiness: Readiness }>();
  for (const subset of subsets) {
    const ports: readonly (EndpointPort | undefined)[] = subset.ports?.length ? subset.ports : [undefined];
    for (const port of ports) {
      const id = port === undefined ? '' : toStableText(port);
      const entry = byPort.get(id) ?? { port, readiness: new Map<string, boolean>() };
      byPort.set(id, entry);
      const put = (address: EndpointAddress, isReady: boolean): void => {
        const key = `${address.ip}|${address.targetRef?.uid ?? ''}`;
        if (!addresses.has(key)) addresses.set(key, address);
        if (entry.readiness.get(key) !== false) entry.readiness.set(key, isReady);
      };
      for (const address of subset.notReadyAddresses ?? []) put(address, false);
      for (const address of subset.addresses ?? []) put(address, true);
    }
  }
  const packed = new Map<string, { readonly readiness: Readiness; readonly ports: EndpointPort[] }>();
  for (const { port, readiness } of byPort.values()) {
    const id = JSON.stringify([...readiness].sort());
    const entry = packed.get(id) ?? { readiness, ports: [] };
    packed.set(id, entry);
    if (port !== undefined) entry.ports.push(port);
  }
  return Array.from(packed.values(), ({ readiness, ports }) => {
    const pick = (wanted: boolean): EndpointAddress[] =>
      [...readiness]
        .flatMap(([key, isReady]) => (isReady === wanted ? [addresses.get(key)] : []))
        .filter((each) => each !== undefined);
    return { addresses: pick(true), notReadyAddresses: pick(false), ports };
  });
}
