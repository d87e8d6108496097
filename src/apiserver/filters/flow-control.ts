import type { Answer, AuthenticatedCall, BytesAnswer, Handler } from '../call.ts';
import type { FlowClass, FlowControl } from '../flowcontrol/flow-control.ts';
import type { FlowMetrics, FlowRefusal } from '../metrics/flow-metrics.ts';
import { isLong, timeoutOf } from './deadline.ts';

/** A quarter of a request's time is the most that it waits. Source: `filters/priority-and-fairness.go`. */
const WAITING_PART = 1 / 4;
const WATCH_WAIT_MS = 15_000;

/**
 * Names the flow schema and the priority level of a call in the answer's headers, and lets the call wait for a seat of
 * that level; answers 429 where none comes free. Streams take none, and watches only until they have begun.
 */
export function withFlowControl(
  control: FlowControl,
  nowMs: () => number,
  next: Handler<AuthenticatedCall>,
  metrics?: FlowMetrics,
): Handler<AuthenticatedCall> {
  /** With a seat, or without need of one. */
  const run = async (call: AuthenticatedCall, { level, schema }: FlowClass, waitedMs?: number): Promise<Answer> => {
    const end = metrics?.begins(level, schema, waitedMs);
    const startedMs = nowMs();
    try {
      return await next(call);
    } finally {
      end?.(call.info.verb === 'watch' ? 'watch' : 'regular', nowMs() - startedMs);
    }
  };
  return async (call): Promise<Answer> => {
    const isWatch = call.info.verb === 'watch';
    if (!isWatch && isLong(call.info)) return next(call);
    const found = control.classify(call.user, call.info);
    if (call.answerHeaders !== undefined) Object.assign(call.answerHeaders, found.headers);
    if (found.isExempt) return run(call, found);
    const limitMs = isWatch ? WATCH_WAIT_MS : timeoutOf(call.query) * WAITING_PART;
    const askedMs = nowMs();
    const waitMs = call.startedMs + limitMs - askedMs;
    const taken = control.take(found.level, {
      flow: flowOf(found, call),
      waitMs,
      // Asked for only by those that wait: it costs a listener on the connection.
      get signal() {
        return call.signal;
      },
    });
    const endWait = taken instanceof Promise ? metrics?.waits(found.level, found.schema) : undefined;
    const seat = taken instanceof Promise ? await taken : taken;
    const waitedMs = taken instanceof Promise ? nowMs() - askedMs : 0;
    endWait?.();
    if (call.trace !== undefined) call.trace.waitedMs += waitedMs;
    if (seat === undefined) {
      metrics?.refused(found.level, found.schema, whyRefused(taken, call, waitedMs >= waitMs), waitedMs);
      return tooMany(control.refuse(found.level));
    }
    try {
      return await run(call, found, waitedMs);
    } finally {
      seat();
    }
  };
}

/** Source: apiserver `util/flowcontrol/fairqueuing/queueset/queueset.go`. */
function whyRefused(taken: unknown, { signal }: AuthenticatedCall, isOver: boolean): FlowRefusal {
  if (taken === undefined) return 'concurrency-limit';
  if (signal.aborted) return 'cancelled';
  return isOver ? 'time-out' : 'queue-full';
}

function flowOf({ schema, distinguisher }: FlowClass, { user, info }: AuthenticatedCall): string {
  if (distinguisher === undefined) return `${schema}\0`;
  return `${schema}\0${distinguisher === 'ByUser' ? user.name : info.namespace}`;
}

function tooMany(retryAfter: number): BytesAnswer {
  return {
    kind: 'bytes',
    status: 429,
    contentType: 'text/plain; charset=utf-8',
    headers: { 'Retry-After': String(retryAfter), 'X-Content-Type-Options': 'nosniff' },
    body: Buffer.from('Too many requests, please try again later.\n'),
  };
}
