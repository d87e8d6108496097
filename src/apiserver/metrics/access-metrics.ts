import type { Clock } from '../../std/clock.ts';
import { exponentialBuckets } from '../../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { Authenticator, Authorizer, Verdict } from '../call.ts';

/** Source of all: apiserver `pkg/endpoints/filters/metrics.go`. */

const DURATIONS = exponentialBuckets(0.001, 2, 15);
const DAY = 86_400;
const MONTH = 30 * DAY;
/** Seconds. Source: apiserver `pkg/authentication/request/x509/x509.go`. */
const EXPIRATIONS = [
  0,
  1800,
  3600,
  7200,
  21_600,
  43_200,
  DAY,
  2 * DAY,
  4 * DAY,
  7 * DAY,
  MONTH,
  3 * MONTH,
  6 * MONTH,
  12 * MONTH,
];

const knownUsers = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default']);
const results: Readonly<Record<Verdict['verdict'], string>> = {
  allow: 'allowed',
  deny: 'denied',
  'no-opinion': 'no-opinion',
};

/** Who asked, and what they were told they may do. */
export class AccessMetrics {
  readonly #clock: Clock;
  readonly #families;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    this.#families = {
      users: registry.counter({
        name: 'authenticated_user_requests',
        help: 'Requests of known senders by the kind of their name.',
        stability: 'ALPHA',
        labels: ['username'],
      }),
      attempts: registry.counter({
        name: 'authentication_attempts',
        help: 'Requests by whether their sender was found out.',
        stability: 'ALPHA',
        labels: ['result'],
      }),
      durations: registry.histogram({
        name: 'authentication_duration_seconds',
        help: 'Seconds until a sender was found out.',
        stability: 'ALPHA',
        labels: ['result'],
        buckets: DURATIONS,
      }),
      decisions: registry.counter({
        name: 'authorization_attempts_total',
        help: 'Requests by whether they were allowed.',
        stability: 'ALPHA',
        labels: ['result'],
      }),
      decisionDurations: registry.histogram({
        name: 'authorization_duration_seconds',
        help: 'Seconds until it was known whether a request is allowed.',
        stability: 'ALPHA',
        labels: ['result'],
        buckets: DURATIONS,
      }),
      authorizers: registry.counter({
        name: 'apiserver_authorization_decisions_total',
        help: 'Decisions by the authorizer that made them.',
        stability: 'ALPHA',
        labels: ['type', 'name', 'decision'],
      }),
      expirations: registry.histogram({
        name: 'apiserver_client_certificate_expiration_seconds',
        help: 'Seconds that the certificates of requests are still good for.',
        stability: 'ALPHA',
        buckets: EXPIRATIONS,
      }),
    };
  }

  /** The same authenticator, counted. */
  authenticator(inner: Authenticator): Authenticator {
    const { users, attempts, durations } = this.#families;
    const count = (result: string, startedMs: number): void => {
      attempts.add(attempts.series(result));
      durations.observe(durations.series(result), (this.#clock.nowMs() - startedMs) / 1000);
    };
    const { reviewToken } = inner;
    return {
      authenticate: async (credentials, signal) => {
        const startedMs = this.#clock.nowMs();
        try {
          const user = await inner.authenticate(credentials, signal);
          count(user === undefined ? 'failure' : 'success', startedMs);
          if (user !== undefined) users.add(users.series(kindOfName(user.name)));
          return user;
        } catch (error) {
          count('error', startedMs);
          throw error;
        }
      },
      ...(reviewToken === undefined ? {} : { reviewToken: reviewToken.bind(inner) }),
    };
  }

  /** The same authorizer, counted as the one that requests pass. */
  authorizer(inner: Authorizer): Authorizer {
    const { decisions, decisionDurations } = this.#families;
    return {
      authorize: async (user, attributes, signal) => {
        const startedMs = this.#clock.nowMs();
        const verdict = await inner.authorize(user, attributes, signal);
        const result = verdict.verdict !== 'allow' && verdict.error !== undefined ? 'error' : results[verdict.verdict];
        decisions.add(decisions.series(result));
        decisionDurations.observe(decisionDurations.series(result), (this.#clock.nowMs() - startedMs) / 1000);
        return verdict;
      },
      ...(inner.rulesFor === undefined ? {} : { rulesFor: inner.rulesFor.bind(inner) }),
    };
  }

  /** One of several authorizers has decided. @param type - `RBAC` or `Node` */
  readonly decided = (type: string, verdict: 'allow' | 'deny'): void => {
    const { authorizers } = this.#families;
    authorizers.add(authorizers.series(type, type.toLowerCase(), results[verdict]));
  };

  /** A request came with a certificate that is good until then. */
  readonly certificateUsed = (untilMs: number): void => {
    this.#families.expirations.observe(0, (untilMs - this.#clock.nowMs()) / 1000);
  };
}

/** Names are sorted into a few kinds: a label must not grow with the number of users. */
function kindOfName(name: string): string {
  if (knownUsers.has(name)) return name;
  return name.includes('@') ? 'email_id' : 'other';
}
