import type { Clock, Timer } from '../../std/clock.ts';

/** `settled` needs no further look by itself, `watched` one now and then, `failed` one soon. */
export type Outcome = 'settled' | 'watched' | 'failed';

/** Source: kube-aggregator `controllers/status/remote/remote_available_controller.go` (resync, rate limits). */
const RESYNC_MS = 30_000;
const FIRST_RETRY_MS = 250;

interface Work {
  isRunning: boolean;
  isAsked: boolean;
  failures: number;
  timer: Timer | undefined;
}

/** Runs one piece of work, which never throws, for each name: never twice at a time, again when asked meanwhile, later after failures. */
export class Rounds {
  readonly #clock: Clock;
  readonly #run: (name: string, signal: AbortSignal) => Promise<Outcome>;
  readonly #works = new Map<string, Work>();
  #signal: AbortSignal | undefined;

  constructor(clock: Clock, run: (name: string, signal: AbortSignal) => Promise<Outcome>) {
    this.#clock = clock;
    this.#run = run;
  }

  /** Does what has been asked so far, and whatever is asked until the signal aborts. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      for (const { timer } of this.#works.values()) timer?.cancel();
    });
    for (const name of this.#works.keys()) void this.#go(name);
  }

  ask(name: string): void {
    const work = this.#works.get(name) ?? { isRunning: false, isAsked: false, failures: 0, timer: undefined };
    this.#works.set(name, work);
    work.isAsked = true;
    void this.#go(name);
  }

  forget(name: string): void {
    this.#works.get(name)?.timer?.cancel();
    this.#works.delete(name);
  }

  async #go(name: string): Promise<void> {
    const work = this.#works.get(name);
    const signal = this.#signal;
    if (work === undefined || signal === undefined || signal.aborted || work.isRunning) return;
    work.timer?.cancel();
    work.isRunning = true;
    let outcome: Outcome = 'failed';
    try {
      do {
        work.isAsked = false;
        outcome = await this.#run(name, signal);
      } while (work.isAsked && !signal.aborted);
    } finally {
      work.isRunning = false;
    }
    if (signal.aborted || this.#works.get(name) !== work) return;
    work.failures = outcome === 'failed' ? work.failures + 1 : 0;
    if (outcome === 'settled') {
      this.#works.delete(name);
      return;
    }
    const delayMs = outcome === 'watched' ? RESYNC_MS : Math.min(RESYNC_MS, FIRST_RETRY_MS * 2 ** (work.failures - 1));
    work.timer = this.#clock.after(delayMs, () => this.ask(name));
  }
}
