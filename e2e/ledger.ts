/** Writers that remember what the server has acknowledged, to compare with what is there after a crash. */
import type { Client } from '../src/client/client.ts';
import type { ConfigMap } from '../src/generated/api/core/v1.ts';
import { configmaps } from '../src/generated/resource-types.ts';

const NAMESPACE = 'default';
const KEYS_OF_A_WRITER = 6;

/** What a key may hold: the step that wrote it, or undefined where it does not exist. */
type Content = number | undefined;

interface Entry {
  content: Content;
  resourceVersion: string | undefined;
  /** A write whose answer never came: it may have been done. */
  doubtful: { readonly content: Content } | undefined;
}

/** Several writers, each with keys of its own. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #writers: number;
  readonly #random: () => number;
  #steps = 0;
  #stopped = false;
  acknowledged = 0;
  doubts = 0;

  constructor(options: { readonly writers: number; readonly random: () => number }) {
    this.#writers = options.writers;
    this.#random = options.random;
  }

  /** Writes until {@link stop}; a writer whose request fails rests until the next run. */
  async run(clientOf: (writer: number) => Client): Promise<void> {
    this.#stopped = false;
    await Promise.all(Array.from({ length: this.#writers }, (_, writer) => this.#write(writer, clientOf(writer))));
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Lists everything and compares; afterwards nothing is doubtful. @returns what is wrong. */
  async verify(client: Client): Promise<string[]> {
    const { items } = await client.list(configmaps, { namespace: NAMESPACE });
    const found = new Map(items.map((item) => [item.metadata?.name ?? '', item]));
    const faults: string[] = [];
    for (const [key, entry] of this.#entries) {
      const object = found.get(key);
      const content = contentOf(object);
      if (content === 'broken') faults.push(`${key} is half of a write: ${JSON.stringify(object?.data)}`);
      const isExpected =
        content === entry.content || (entry.doubtful !== undefined && content === entry.doubtful.content);
      if (!isExpected && content !== 'broken') {
        const doubt = entry.doubtful === undefined ? '' : ` or ${entry.doubtful.content}`;
        faults.push(`${key} holds ${content}, and should hold ${entry.content}${doubt}`);
      }
      entry.content = content === 'broken' ? undefined : content;
      entry.resourceVersion = object?.metadata?.resourceVersion;
      entry.doubtful = undefined;
    }
    for (const name of found.keys()) {
      if (name.startsWith('ledger-') && !this.#entries.has(name)) faults.push(`nobody wrote ${name}`);
    }
    return faults;
  }

  async #write(writer: number, client: Client): Promise<void> {
    while (!this.#stopped) {
      const key = `ledger-${writer}-${Math.floor(this.#random() * KEYS_OF_A_WRITER)}`;
      const entry = this.#entries.get(key) ?? { content: undefined, resourceVersion: undefined, doubtful: undefined };
      this.#entries.set(key, entry);
      const step = ++this.#steps;
      const removes = entry.content !== undefined && this.#random() < 0.2;
      const content = removes ? undefined : step;
      entry.doubtful = { content };
      try {
        entry.resourceVersion = await send(client, key, entry, content);
        entry.content = content;
        entry.doubtful = undefined;
        this.acknowledged++;
      } catch {
        this.doubts++;
        return;
      }
    }
  }
}

async function send(client: Client, key: string, entry: Entry, content: Content): Promise<string | undefined> {
  if (content === undefined) {
    await client.delete(configmaps, { namespace: NAMESPACE, name: key });
    return undefined;
  }
  const { resourceVersion } = entry;
  const metadata = { name: key, namespace: NAMESPACE, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  const padding = `${content}:`.repeat(40 + (content % 60));
  const object: ConfigMap = { metadata, data: { step: String(content), first: padding, last: padding } };
  const written = await (entry.content === undefined
    ? client.create(configmaps, object)
    : client.update(configmaps, object));
  return written.metadata?.resourceVersion;
}

/** The step that wrote an object, or that its parts come from different ones. */
function contentOf(object: ConfigMap | undefined): Content | 'broken' {
  if (object === undefined) return undefined;
  const { step = '', first = '', last = '' } = object.data ?? {};
  const content = Number(step);
  const padding = `${content}:`.repeat(40 + (content % 60));
  return first === padding && last === padding ? content : 'broken';
}
