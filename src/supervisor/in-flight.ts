import type { Logger } from '../telemetry/logger.ts';
import { Refusal } from './answers.ts';

/**
 * Requests of agents under way at most. k3s turns the 21st away, and machines come back after some seconds; here they wait
 * their turn, which is shorter, as long as they are not too many to remember.
 */
const MOST = 400;

/** Turns agents away with 429 where too many ask at once. Source: k3s `pkg/server/auth` (MaxInFlight). */
export class InFlight {
  readonly #logger: Logger;
  readonly #most: number;
  #count = 0;

  constructor(logger: Logger, most = MOST) {
    this.#logger = logger;
    this.#most = most;
  }

  /** @throws Refusal 429 */
  async run(work: () => Promise<void>): Promise<void> {
    if (this.#count >= this.#most) {
      this.#logger.warn('too many machines ask at once', { requests: this.#count });
      throw new Refusal(429, 'Too many requests, please try again later.');
    }
    this.#count += 1;
    try {
      await work();
    } finally {
      this.#count -= 1;
    }
  }
}
