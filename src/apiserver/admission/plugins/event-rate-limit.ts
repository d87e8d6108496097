import { StatusError } from '../../../machinery/errors/status-error.ts';
import type { Clock } from '../../../std/clock.ts';
import type { AdmissionAttempt, AdmissionPlugin } from '../admission.ts';

export const LIMIT_TYPES = ['Namespace', 'Server', 'SourceAndObject', 'User'] as const;

export interface EventLimit {
  readonly type: (typeof LIMIT_TYPES)[number];
  /** Events a second once the burst is used up. */
  readonly qps: number;
  /** Events at once. */
  readonly burst: number;
  /** Buckets that are remembered, the latest used ones. Default 4096. */
  readonly cacheSize?: number | undefined;
}

export interface EventRateLimitConfiguration {
  readonly limits: readonly EventLimit[];
}

const DEFAULT_BUCKETS = 4096;

/**
 * Keeps events from flooding the datastore: what exceeds one of the limits gets 429. Off unless it is asked for.
 *
 * Source: `plugin/pkg/admission/eventratelimit`.
 */
export function eventRateLimit(
  { clock }: { readonly clock: Pick<Clock, 'nowMs'> },
  { limits }: EventRateLimitConfiguration,
): AdmissionPlugin {
  const enforcers = limits.map((limit) => ({ type: limit.type, keyOf: keys[limit.type], buckets: new Buckets(limit) }));
  return {
    name: 'EventRateLimit',
    operations: ['CREATE', 'UPDATE'],
    validate(attempt) {
      const { kind, dryRun } = attempt;
      if (kind.kind !== 'Event' || kind.group !== '' || dryRun) return;
      const nowMs = clock.nowMs();
      // Every limit is asked, so that each of them counts the event.
      const exceeded = enforcers
        .map(({ type, keyOf, buckets }) => ({ type, key: keyOf(attempt), buckets }))
        .filter(({ key, buckets }) => !buckets.take(key, nowMs))
        .map(({ type, key }) => `limit reached on type ${type} for key ${key}`);
      if (exceeded.length === 0) return;
      const told = exceeded.length === 1 ? exceeded[0] : `[${exceeded.join(', ')}]`;
      throw new StatusError({ code: 429, reason: 'TooManyRequests', message: `Too many requests: ${told}` });
    },
  };
}

interface EventParts {
  readonly source?: { readonly component?: string; readonly host?: string };
  readonly involvedObject?: {
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
    readonly apiVersion?: string;
  };
}

const keys: Readonly<Record<EventLimit['type'], (attempt: AdmissionAttempt) => string>> = {
  Server: () => '',
  Namespace: ({ namespace }) => namespace,
  User: ({ user }) => user.name,
  SourceAndObject: ({ object }) => {
    const { source = {}, involvedObject: about = {} } = (object ?? {}) as EventParts;
    const parts = [source.component, source.host, about.kind, about.namespace, about.name, about.uid, about.apiVersion];
    return parts.map((part) => part ?? '').join('');
  },
};

/** A token bucket for each key; those not used for longest are forgotten first, and begin full again. */
class Buckets {
  readonly #limit: EventLimit;
  readonly #size: number;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(limit: EventLimit) {
    this.#limit = limit;
    this.#size = limit.cacheSize || DEFAULT_BUCKETS;
  }

  take(key: string, nowMs: number): boolean {
    const { qps, burst } = this.#limit;
    const known = this.#buckets.get(key);
    const tokens = known === undefined ? burst : Math.min(burst, known.tokens + ((nowMs - known.atMs) / 1000) * qps);
    const isEnough = tokens >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: isEnough ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > this.#size) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return isEnough;
  }
}
