export interface BackoffOptions {
  /** The first delay, in milliseconds. */
  readonly firstMs: number;
  /** No delay is longer, in milliseconds. */
  readonly maxMs: number;
  /** Growth from one delay to the next. Default 2. */
  readonly factor?: number;
  /** Share of a delay that is added at random, 0 to 1. Default 0. */
  readonly jitter?: number;
  /** Random number in [0, 1). Default `Math.random`; only asked where `jitter` is above 0. */
  readonly random?: () => number;
}

/** The delay before attempt `failures` + 1: `firstMs * factor^failures`, capped at `maxMs`, then jittered. */
export function toBackoffMs(options: BackoffOptions, failures: number): number {
  const { firstMs, maxMs, factor = 2, jitter = 0, random = Math.random } = options;
  // The power overflows to Infinity for large counts, which the cap turns into maxMs.
  const delayMs = Math.min(firstMs * factor ** failures, maxMs);
  return jitter > 0 ? delayMs * (1 + jitter * random()) : delayMs;
}

/** Delays that grow with every failure in a row, until `reset`. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Failures since the last reset. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and says how many milliseconds to wait after it. */
  nextMs(): number {
    const delayMs = toBackoffMs(this.#options, this.#failures);
    this.#failures += 1;
    return delayMs;
  }

  reset(): void {
    this.#failures = 0;
  }
}
