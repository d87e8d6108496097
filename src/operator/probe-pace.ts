import type { TenantState } from './observed.ts';

/** How long after a change of the host the tenant's nodes are counted again. */
export const PROBE_PERIOD_MS = 5_000;
/** Hundreds of tenants are asked less often each, so that asking costs the operator a small part of a core. */
const PROBES_PER_SECOND = 20;
/** While a server starts, its readiness is asked for this often, so that a tenant is Ready as soon as it serves. */
const STARTING_PROBE_MS = 100;
/** Many servers that start at once, as after an outage of the host, share these. */
const STARTING_PROBES_PER_SECOND = 40;
/** For so long a server is taken for one that starts. */
const STARTING_MS = 60_000;

interface Answer {
  readonly state: TenantState;
  readonly atMs: number;
  /** What it depended on: what leads to the tenant, and its pods. */
  readonly basis: readonly unknown[];
}

/** When each tenant is asked how it is. It has no timers: it says how long to wait. */
export class ProbePace {
  readonly #known = new Set<string>();
  readonly #starting = new Set<string>();
  readonly #answers = new Map<string, Answer>();

  add(key: string): void {
    this.#known.add(key);
  }

  forget(key: string): void {
    this.#known.delete(key);
    this.#starting.delete(key);
    this.#answers.delete(key);
  }

  /** What the tenant said last, where it is not time to ask again and nothing that it depends on has changed. */
  lastAnswer(key: string, basis: readonly unknown[], nowMs: number): TenantState | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined || nowMs - answer.atMs >= this.#periodMs) return undefined;
    return areSame(answer.basis, basis) ? answer.state : undefined;
  }

  note(key: string, basis: readonly unknown[], state: TenantState | undefined, atMs: number): void {
    if (state?.ready) this.#answers.set(key, { state, atMs, basis });
    else this.#answers.delete(key);
  }

  /** A tenant that nothing is asked of, since it is suspended or waits for something. */
  rest(key: string): number {
    this.#starting.delete(key);
    this.#answers.delete(key);
    return PROBE_PERIOD_MS * 2;
  }

  /** How long until the tenant is asked again, in milliseconds. */
  pauseMs(
    key: string,
    tenant: { readonly ageMs: number; readonly isWaitingForPod: boolean; readonly nowMs: number },
  ): number {
    const answer = this.#answers.get(key);
    if (answer !== undefined) {
      this.#starting.delete(key);
      return Math.max(1, answer.atMs + this.#periodMs - tenant.nowMs);
    }
    // Its pods are watched: when one starts, the tenant is looked at. A server that does not come up costs little.
    if (tenant.ageMs > STARTING_MS || tenant.isWaitingForPod) {
      this.#starting.delete(key);
      return this.#periodMs;
    }
    this.#starting.add(key);
    return Math.max(STARTING_PROBE_MS, (this.#starting.size * 1000) / STARTING_PROBES_PER_SECOND);
  }

  get #periodMs(): number {
    return Math.max(PROBE_PERIOD_MS, (this.#known.size * 1000) / PROBES_PER_SECOND);
  }
}

/** Whether both hold the very same values. */
export function areSame(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
