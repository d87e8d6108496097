import type { TenantState } from './observed.ts';

/** The nodes of a tenant are counted this often. */
const PROBE_PERIOD_MS = 5_000;
/** Hundreds of tenants are asked less often each, so that asking costs the operator a small part of a core. */
const PROBES_PER_SECOND = 6;
/** After a change a tenant is taken for busy: more machines may come. Those that are share as many calls once more. */
const BUSY_MS = 120_000;
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
  readonly changedMs: number;
}

/** When each tenant is asked how it is. It has no timers: it says how long to wait. */
export class ProbePace {
  readonly #known = new Set<string>();
  readonly #starting = new Set<string>();
  readonly #busy = new Set<string>();
  readonly #answers = new Map<string, Answer>();

  add(key: string): void {
    this.#known.add(key);
  }

  forget(key: string): void {
    this.#known.delete(key);
    this.#starting.delete(key);
    this.#busy.delete(key);
    this.#answers.delete(key);
  }

  /** What the tenant said last, where it is not time to ask again and nothing that it depends on has changed. */
  lastAnswer(key: string, basis: readonly unknown[], nowMs: number): TenantState | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined || nowMs - answer.atMs >= this.#periodOf(key, answer, nowMs)) return undefined;
    return areSame(answer.basis, basis) ? answer.state : undefined;
  }

  note(key: string, basis: readonly unknown[], state: TenantState | undefined, atMs: number): void {
    if (!state?.ready) {
      this.#answers.delete(key);
      return;
    }
    const before = this.#answers.get(key);
    const isSame = before !== undefined && JSON.stringify(before.state) === JSON.stringify(state);
    this.#answers.set(key, { state, atMs, basis, changedMs: isSame ? before.changedMs : atMs });
  }

  /** A tenant that nothing is asked of, since it is suspended or waits for something. */
  rest(key: string): number {
    this.#starting.delete(key);
    this.#busy.delete(key);
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
      return Math.max(1, answer.atMs + this.#periodOf(key, answer, tenant.nowMs) - tenant.nowMs);
    }
    // Its pods are watched: when one starts, the tenant is looked at. A server that does not come up costs little.
    if (tenant.ageMs > STARTING_MS || tenant.isWaitingForPod) {
      this.#starting.delete(key);
      return toPeriodMs(this.#known.size);
    }
    this.#starting.add(key);
    return Math.max(STARTING_PROBE_MS, (this.#starting.size * 1000) / STARTING_PROBES_PER_SECOND);
  }

  #periodOf(key: string, { changedMs }: Answer, nowMs: number): number {
    const isBusy = nowMs - changedMs < BUSY_MS;
    if (isBusy) this.#busy.add(key);
    else this.#busy.delete(key);
    return toPeriodMs(isBusy ? this.#busy.size : this.#known.size);
  }
}

/** As many tenants share the calls. */
function toPeriodMs(tenants: number): number {
  return Math.max(PROBE_PERIOD_MS, Math.ceil((tenants * 1000) / PROBES_PER_SECOND));
}

/** Whether both hold the very same values. */
export function areSame(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
