import type { LogEvent, Subscriber, Subscription } from './backend.ts';

/** Who follows the log of one backend. */
export class Subscribers {
  readonly #all = new Set<Subscriber>();

  get size(): number {
    return this.#all.size;
  }

  add(subscriber: Subscriber): Subscription {
    this.#all.add(subscriber);
    return { close: () => this.#all.delete(subscriber) };
  }

  /** A subscriber that throws is told and left out from then on: the others must not miss anything. */
  deliver(events: readonly LogEvent[]): void {
    if (events.length === 0) return;
    for (const subscriber of [...this.#all]) {
      try {
        subscriber.events(events);
      } catch (error) {
        this.#all.delete(subscriber);
        subscriber.failed(error);
      }
    }
  }

  fail(error: unknown): void {
    for (const subscriber of [...this.#all]) {
      this.#all.delete(subscriber);
      subscriber.failed(error);
    }
  }
}
