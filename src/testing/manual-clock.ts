import type { Clock, Timer } from '../std/clock.ts';

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #due = new Set<Due>();

  constructor(nowMs = Date.parse('2026-01-01T00:00:00Z')) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const due = { atMs: this.#nowMs + delayMs, run };
    this.#due.add(due);
    return { cancel: () => this.#due.delete(due) };
  }

  every(periodMs: number, run: () => void): Timer {
    let timer = this.after(periodMs, again.bind(this));
    function again(this: ManualClock): void {
      timer = this.after(periodMs, again.bind(this));
      run();
    }
    return { cancel: () => timer.cancel() };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Moves on; what falls due on the way runs at its own time, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: Due | undefined;
      for (const due of this.#due) if (due.atMs <= endMs && (next === undefined || due.atMs < next.atMs)) next = due;
      if (next === undefined) break;
      this.#due.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = endMs;
  }
}
