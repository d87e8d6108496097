import type { Backend, KeyValue, LogEvent, Revision, Subscriber, Subscription, WriteOptions } from '../backend.ts';
import { ENCRYPTED, type Provider } from './provider.ts';

/** How the values of some keys are kept. */
export interface EncryptionRule {
  /** Storage prefixes, such as `/registry/secrets/`. */
  readonly prefixes: readonly string[];
  /** The first one writes; all read what they have written. */
  readonly providers: readonly [Provider, ...Provider[]];
}

/** Rules that may change while they are used. */
export interface RuleSource {
  readonly current: readonly EncryptionRule[];
}

/**
 * Keeps the values of some keys encrypted in another backend. A value that no provider opens is handed on as it is: who
 * reads it tells that it cannot be read, and the rest of a list is not lost for it.
 */
export function encrypted(backend: Backend, rules: readonly EncryptionRule[] | RuleSource): Backend {
  const source: RuleSource = 'current' in rules ? rules : { current: rules };
  const providersOf = (key: string) =>
    source.current.find(({ prefixes }) => prefixes.some((p) => key.startsWith(p)))?.providers;
  const seal = (key: string, value: Uint8Array): Uint8Array => {
    const writer = providersOf(key)?.[0];
    if (writer === undefined || writer.prefix.length === 0) return value;
    const plain = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return Buffer.concat([writer.prefix, writer.seal(plain, key)]);
  };
  const open = (key: string, value: Buffer): Buffer => {
    if (!value.subarray(0, ENCRYPTED.length).equals(ENCRYPTED)) return value;
    const starts = ({ prefix }: Provider): boolean =>
      prefix.length > 0 && value.subarray(0, prefix.length).equals(prefix);
    for (const provider of providersOf(key)?.filter(starts) ?? []) {
      try {
        return provider.open(value.subarray(provider.prefix.length), key);
      } catch {
        // Two keys may bear one name, as upstream allows: the next one may open it.
      }
    }
    return value;
  };
  const openItem = (item: KeyValue): KeyValue => {
    const value = open(item.key, item.value);
    return value === item.value ? item : { ...item, value };
  };
  const openEvent = (event: LogEvent): LogEvent => {
    if (providersOf(event.key) === undefined) return event;
    const { key, value, previousValue } = event;
    return {
      ...event,
      value: open(key, value),
      previousValue: previousValue === undefined ? undefined : open(key, previousValue),
    };
  };
  return {
    create: (key: string, value: Uint8Array, options?: WriteOptions) => backend.create(key, seal(key, value), options),
    update: (key: string, value: Uint8Array, expected: Revision, options?: WriteOptions) =>
      backend.update(key, seal(key, value), expected, options),
    delete: (key, expected) => backend.delete(key, expected),
    async get(key, revision) {
      const item = await backend.get(key, revision);
      return item === undefined ? undefined : openItem(item);
    },
    async isStale(key) {
      const writer = providersOf(key)?.[0];
      const item = writer === undefined ? undefined : await backend.get(key);
      if (writer === undefined || item === undefined) return false;
      const { prefix } = writer;
      // Values as they are have no mark: what has one was made by another provider.
      if (prefix.length === 0) return item.value.subarray(0, ENCRYPTED.length).equals(ENCRYPTED);
      return !item.value.subarray(0, prefix.length).equals(prefix) || !opens(writer, item);
    },
    async list(prefix, options) {
      const page = await backend.list(prefix, options);
      return { ...page, items: page.items.map(openItem) };
    },
    leased: (after) => backend.leased(after),
    count: (prefix, options) => backend.count(prefix, options),
    currentRevision: () => backend.currentRevision(),
    compactedRevision: () => backend.compactedRevision(),
    subscribe: (after: Revision, subscriber: Subscriber): Promise<Subscription> =>
      backend.subscribe(after, {
        events: (events) => subscriber.events(events.map(openEvent)),
        failed: (error) => subscriber.failed(error),
      }),
    compact: (target, options) => backend.compact(target, options),
    sizeBytes: () => backend.sizeBytes(),
    close: () => backend.close(),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

/** Whether a value was made with the key of this provider: two keys may bear one name. */
function opens({ prefix, open }: Provider, { key, value }: KeyValue): boolean {
  try {
    open(value.subarray(prefix.length), key);
    return true;
  } catch {
    return false;
  }
}
