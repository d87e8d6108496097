import type { IncomingMessage } from 'node:http';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { ServedEvent, WatchEventType, WatchFeed } from '../pages.ts';

/** A watch that another server answers, line by line, for somebody in this process. */
export class RemoteWatch implements WatchFeed {
  readonly #answer: IncomingMessage;
  readonly #pending: ServedEvent[] = [];
  #onEvents: ((events: readonly ServedEvent[]) => void) | undefined;
  #onEnd: (() => void) | undefined;
  #rest = '';
  #ended = false;

  constructor(answer: IncomingMessage) {
    this.#answer = answer;
    answer.setEncoding('utf8');
    answer.on('data', (text: string) => this.#read(text));
    answer.once('close', () => this.#end());
    answer.once('error', () => this.#end());
  }

  follow(onEvents: (events: readonly ServedEvent[]) => void, onEnd: () => void): void {
    this.#onEvents = onEvents;
    this.#onEnd = onEnd;
    if (this.#pending.length > 0) onEvents(this.#pending.splice(0));
    if (this.#ended) onEnd();
  }

  close(): void {
    this.#onEvents = () => {};
    this.#onEnd = undefined;
    this.#answer.destroy();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    const events: ServedEvent[] = [];
    try {
      for (const line of lines) if (line.trim() !== '') events.push(toEvent(line));
    } catch {
      // What is no event cannot be told from what was lost: whoever watches lists again.
      this.#answer.destroy();
    }
    if (events.length === 0) return;
    if (this.#onEvents === undefined) this.#pending.push(...events);
    else this.#onEvents(events);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd?.();
  }
}

function toEvent(line: string): ServedEvent {
  const { type, object } = JSON.parse(line) as { type: WatchEventType; object: AnyObject };
  let json: Buffer | undefined;
  return {
    type,
    item: {
      object,
      get json() {
        json ??= Buffer.from(JSON.stringify(object));
        return json;
      },
    },
    line: () => Buffer.from(`${line}\n`),
  };
}
