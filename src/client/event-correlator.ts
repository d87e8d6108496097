import type { Event } from '../generated/api/core/v1.ts';

/** What becomes of an event: dropped, written anew, or counted on one that was written before. */
export type EventPlan =
  | { readonly step: 'drop' }
  | {
      readonly step: 'create';
      readonly message: string;
      readonly seenKey: string;
      /** One for many alike; upstream makes it anew and leaves the reporting component out. */
      readonly combined: boolean;
    }
  | {
      readonly step: 'count';
      readonly message: string;
      readonly seenKey: string;
      readonly name: string;
      readonly count: number;
      readonly firstTimestamp: string;
    };

interface Seen {
  name: string;
  count: number;
  firstTimestamp: string;
}

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

interface Bucket {
  tokens: number;
  lastMs: number;
}

/** Source: client-go `tools/record/events_cache.go`. */
const MAX_ENTRIES = 4096;
const MAX_SIMILAR = 10;
const SIMILAR_WINDOW_MS = 600_000;
const BURST = 25;
const REFILL_MS = 300_000;

/**
 * Keeps events from flooding, by client-go's three rules: a source may write 25 events about one object at once and then
 * one every 5 minutes; more than 10 different messages alike in all else within 10 minutes become one; an equal event
 * raises the count of the earlier one.
 */
export class EventCorrelator {
  readonly #seen = new Map<string, Seen>();
  readonly #similar = new Map<string, Similar>();
  readonly #buckets = new Map<string, Bucket>();

  plan(event: Event, nowMs: number): EventPlan {
    const about = toText(event.involvedObject, ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'fieldPath']);
    const from = `${event.source?.component ?? ''}/${event.source?.host ?? ''}`;
    if (!this.#takeToken(`${from}|${about}`, nowMs)) return { step: 'drop' };
    const group = `${from}|${about}|${event.type}|${event.reason}`;
    const text = event.message ?? '';
    const combined = this.#isOneOfMany(group, text, nowMs);
    const message = combined ? `(combined from similar events): ${text}` : text;
    const seenKey = combined ? group : `${group}|${text}`;
    const seen = this.#seen.get(seenKey);
    if (seen === undefined) return { step: 'create', message, seenKey, combined };
    const { name, count, firstTimestamp } = seen;
    return { step: 'count', message, seenKey, name, count: count + 1, firstTimestamp };
  }

  /** Remembers what was written, so that equal events count on it. */
  remember(seenKey: string, written: Event): void {
    const { name = '' } = written.metadata;
    const seen = { name, count: written.count ?? 1, firstTimestamp: written.firstTimestamp ?? '' };
    put(this.#seen, seenKey, seen);
  }

  /** Forgets an event that the server no longer has. */
  forget(seenKey: string): void {
    this.#seen.delete(seenKey);
  }

  #takeToken(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: BURST, lastMs: nowMs };
    bucket.tokens = Math.min(BURST, bucket.tokens + (nowMs - bucket.lastMs) / REFILL_MS);
    bucket.lastMs = nowMs;
    put(this.#buckets, key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #isOneOfMany(key: string, message: string, nowMs: number): boolean {
    const found = this.#similar.get(key);
    const fresh = found !== undefined && nowMs - found.lastMs <= SIMILAR_WINDOW_MS;
    const similar = fresh ? found : { messages: new Set<string>(), lastMs: nowMs };
    similar.messages.add(message);
    similar.lastMs = nowMs;
    put(this.#similar, key, similar);
    if (similar.messages.size < MAX_SIMILAR) return false;
    // The set stays at its limit: which messages it holds no longer matters.
    similar.messages.delete(message);
    return true;
  }
}

function toText(object: object, keys: readonly string[]): string {
  return keys.map((key) => String(Reflect.get(object, key) ?? '')).join('/');
}

/** Puts an entry as the newest and drops the oldest where there are too many. */
function put<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_ENTRIES) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
