import type { LogEvent, Revision, Subscriber } from '../backend.ts';

/** Holds live events back while the past is being read, and leaves out what was asked to be left out. */
export class JoiningSubscriber implements Subscriber {
  readonly #target: Subscriber;
  readonly #after: Revision;
  #held: LogEvent[] | undefined = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(target: Subscriber, after: Revision) {
    this.#target = target;
    this.#after = after;
  }

  events(events: readonly LogEvent[]): void {
    const [first] = events;
    // Once one event lies behind the start, all that follow do.
    const wanted =
      first !== undefined && first.revision > this.#after
        ? events
        : events.filter(({ revision }) => revision > this.#after);
    if (this.#held !== undefined) this.#held.push(...wanted);
    else if (wanted.length > 0) this.#target.events(wanted);
  }

  failed(error: unknown): void {
    if (this.#held === undefined) this.#target.failed(error);
    else this.#failure = { error };
  }

  /** Hands on the past, then what was held back; from then on everything at once. Throws where the log was lost meanwhile. */
  start(past: readonly LogEvent[]): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    const all = [...past, ...(this.#held ?? [])];
    this.#held = undefined;
    if (all.length > 0) this.#target.events(all);
  }
}
