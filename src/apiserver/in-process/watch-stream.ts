import type { WatchEvent } from '../../client/transport.ts';
import type { ServedEvent, WatchFeed } from '../pages.ts';

/** Turns a feed, which pushes, into an iteration, which pulls. Keeps what the reader has not taken yet. */
export class WatchStream {
  readonly #feed: WatchFeed;
  readonly #pending: ServedEvent[] = [];
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#end();

  constructor(feed: WatchFeed, signal: AbortSignal | undefined) {
    this.#feed = feed;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
    feed.follow(
      (events) => {
        for (const event of events) this.#pending.push(event);
        this.#wakeUp();
      },
      () => this.#end(),
    );
  }

  async *events(): AsyncGenerator<WatchEvent> {
    for (;;) {
      const batch = this.#pending.splice(0);
      for (const { type, item } of batch) {
        if (this.#signal?.aborted) return;
        yield { type, object: item.object };
      }
      if (this.#pending.length > 0) continue;
      if (this.#ended || this.#signal?.aborted) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#feed.close();
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
