import type { StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { Auditor } from '../audit/auditor.ts';
import type { Answer, AuthenticatedCall, Handler, ObjectAnswer, WireAnswer } from '../call.ts';
import { asStatusError } from '../filters/faults.ts';
import type { WatchFeed } from '../pages.ts';
import { scopeOf, verbOf } from './request-labels.ts';
import type { RequestMetrics } from './request-metrics.ts';

export interface InsideCounting {
  readonly requests: RequestMetrics;
  readonly registry: MetricsRegistry;
  readonly clock: Clock;
  /** `host:port` that clients in this process are said to ask. */
  readonly host: string;
  /** Tells of the requests, where somebody wants to be told. */
  readonly auditor?: Auditor | undefined;
}

/** Source: component-base `metrics/prometheus/restclient/metrics.go`. */
const CLIENT_DURATIONS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** Counts the requests of this process to itself, as those of a server and as those of its clients. */
export function countInside(
  { requests, registry, clock, host, auditor }: InsideCounting,
  next: Handler<AuthenticatedCall>,
): Handler<AuthenticatedCall> {
  const totals = registry.counter({
    name: 'rest_client_requests_total',
    help: 'Requests of clients in this process.',
    stability: 'ALPHA',
    labels: ['code', 'method', 'host'],
  });
  const durations = registry.histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Seconds that requests of clients in this process took.',
    stability: 'ALPHA',
    labels: ['verb', 'host'],
    buckets: CLIENT_DURATIONS,
  });
  const own = registry.counter({
    name: 'apiserver_selfrequest_total',
    help: 'Requests of the API server to itself.',
    stability: 'ALPHA',
    labels: ['verb', 'group', 'resource', 'subresource'],
  });
  const asked = (call: AuthenticatedCall, code: number): void => {
    if (call.header('user-agent')?.startsWith('kube-apiserver')) {
      const { group, resource, subresource } = call.info;
      own.add(own.series(verbOf(call, scopeOf(call)), group, resource, subresource));
    }
    totals.add(totals.series(String(code), call.method, host));
    durations.observe(durations.series(call.method, host), (clock.nowMs() - call.startedMs) / 1000);
  };
  return async (call) => {
    const { trace } = call;
    if (trace === undefined) return await next(call);
    auditor?.begin(call);
    let answer: Answer;
    try {
      answer = await next(call);
    } catch (error) {
      const status = asStatusError(error);
      const { code } = status;
      trace.audit?.ended(toAnswer(status), undefined, code);
      asked(call, code);
      requests.end(call, trace, { code });
      throw error;
    }
    const code = answer.kind === 'taken' ? 0 : answer.status;
    asked(call, code);
    if (answer.kind !== 'watch') {
      requests.end(call, trace, { code });
      trace.audit?.ended(answer, toWire(answer), code);
      return answer;
    }
    const close = requests.longRunning(call);
    trace.audit?.started(answer, code);
    const ended = (): void => {
      close();
      trace.audit?.ended(answer, undefined, code);
      requests.end(call, trace, { code });
    };
    return { ...answer, feed: withEnd(answer.feed, ended) };
  };
}

function toAnswer(status: StatusError): ObjectAnswer {
  const object = status.toStatus() as unknown as AnyObject;
  return { kind: 'object', status: status.code, item: { object } };
}

/** Nothing is rendered within the process; who is told of objects gets them from the answer. */
function toWire(answer: Answer): WireAnswer | undefined {
  if (answer.kind !== 'object' && answer.kind !== 'list') return undefined;
  return { kind: 'bytes', status: answer.status, contentType: '', body: NOTHING };
}

const NOTHING = Buffer.alloc(0);

/** The same feed; `ended` is called once, whoever ends it. */
function withEnd(feed: WatchFeed, ended: () => void): WatchFeed {
  let isOpen = true;
  const end = (): void => {
    if (!isOpen) return;
    isOpen = false;
    ended();
  };
  return {
    follow: (onEvents, onEnd) =>
      feed.follow(onEvents, () => {
        end();
        onEnd();
      }),
    close() {
      end();
      feed.close();
    },
  };
}
