/** A pending call that a {@link Clock} was asked for. */
export interface Timer {
  /** Forgets the call; nothing happens where it has run already. */
  cancel(): void;
}

/** The only door to time: whoever waits or stamps takes a clock from outside, so that tests own it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Milliseconds with fractions from some moment on, for measuring. Default: {@link nowMs}. */
  tickMs?(): number;
  /** Calls `run` once after `delayMs`. Timers never keep the process alive by themselves. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` every `periodMs` until cancelled. */
  every(periodMs: number, run: () => void): Timer;
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted before. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The finest measure of time that a clock has. */
export function ticksOf(clock: Clock): () => number {
  return clock.tickMs === undefined ? () => clock.nowMs() : () => clock.tickMs?.() ?? 0;
}

/** The longest delay that Node's timers take; longer ones would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Real time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  tickMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(periodMs, run) {
    const timer = setInterval(run, periodMs);
    timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const timer = setTimeout(finish, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
      const abort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      function finish(): void {
        signal?.removeEventListener('abort', abort);
        resolve();
      }
      signal?.addEventListener('abort', abort, { once: true });
    });
  },
};
