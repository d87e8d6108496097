import { lookup } from 'node:dns/promises';
import type { Clock } from '../std/clock.ts';

/** Finds the addresses of a name; empty where it has none (yet). */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/** Load balancers change their addresses rarely, and a tenant looks every few seconds. */
const FRESH_MS = 60_000;
const RETRY_MS = 5_000;

/** Asks the system's resolver, and remembers: answers for a minute, failures for five seconds. */
export function createNameResolver(
  clock: Clock,
  ask: (name: string) => Promise<readonly string[]> = lookUp,
): ResolveName {
  const known = new Map<string, { readonly addresses: readonly string[]; readonly readMs: number }>();
  return async (name) => {
    const found = known.get(name);
    const nowMs = clock.nowMs();
    if (found !== undefined && nowMs - found.readMs < (found.addresses.length > 0 ? FRESH_MS : RETRY_MS))
      return found.addresses;
    // A resolver that fails for a moment must not take addresses away from a tenant that runs.
    const addresses = await ask(name).catch(() => found?.addresses ?? []);
    known.set(name, { addresses, readMs: nowMs });
    return addresses;
  };
}

async function lookUp(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true });
  return [...new Set(found.map(({ address }) => address))].sort();
}
