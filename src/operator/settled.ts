import type { Observed } from './observed.ts';
import { areSame } from './probe-pace.ts';

/** After so long everything is judged again: certificates end without that anything changes. */
const LONGEST_MS = 600_000;

interface Settled {
  readonly inputs: readonly unknown[];
  readonly done: readonly string[];
  readonly sinceMs: number;
  /** What the tenant said when its status was as it should be. */
  readonly told?: string | undefined;
}

/**
 * Tenants of which everything is as wished. Objects of the cache are never changed, only replaced: while all that was
 * looked at are the same, there is nothing to plan, and one comparison stands for all steps.
 */
export class SettledTenants {
  readonly #settled = new Map<string, Settled>();

  /** The steps that are done; undefined where they have to be gone through. */
  stepsOf(key: string, observed: Observed): readonly string[] | undefined {
    const found = this.#settled.get(key);
    if (found === undefined || observed.nowMs - found.sinceMs > LONGEST_MS) return undefined;
    return areSame(found.inputs, inputsOf(observed)) ? found.done : undefined;
  }

  /** Nothing had to be done for it. */
  note(key: string, observed: Observed, done: readonly string[]): void {
    this.#settled.set(key, { inputs: inputsOf(observed), done, sinceMs: observed.nowMs });
  }

  /** Whether its status says already what follows from this. */
  isTold(key: string, observed: Observed): boolean {
    const found = this.#settled.get(key);
    return found?.told !== undefined && found.told === JSON.stringify(observed.tenant ?? null);
  }

  noteTold(key: string, observed: Observed): void {
    const found = this.#settled.get(key);
    if (found !== undefined) this.#settled.set(key, { ...found, told: JSON.stringify(observed.tenant ?? null) });
  }

  forget(key: string): void {
    this.#settled.delete(key);
  }
}

/** What steps do not decide from, or what follows from the rest. */
const LEFT_OUT: readonly string[] = ['nowMs', 'tenant', 'tokenRotated', 'settings'] satisfies (keyof Observed)[];

/** Objects of the host by what they are, what was worked out from elsewhere by what it says. */
function inputsOf(observed: Observed): unknown[] {
  const { settings, policy, policyDefaults } = observed;
  const isOwnSpec = policy === undefined && policyDefaults === undefined;
  const inputs: unknown[] = [settings.image, settings.serverVersion];
  for (const [key, value] of Object.entries(observed)) {
    // The spec follows from the VirtualCluster itself where no policy has a say.
    if (LEFT_OUT.includes(key) || (key === 'spec' && isOwnSpec)) continue;
    if (value instanceof Map || value instanceof Set) inputs.push(JSON.stringify([...value]));
    else if (Array.isArray(value)) inputs.push(value.length, ...value);
    else if (typeof value === 'object' && value !== null && !('metadata' in value)) inputs.push(JSON.stringify(value));
    else inputs.push(value);
  }
  return inputs;
}
