import type { Answer, AuthenticatedCall, BytesAnswer, Handler } from '../call.ts';
import type { FlowClass, FlowControl } from '../flowcontrol/flow-control.ts';
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
): Handler<AuthenticatedCall> {
  return async (call): Promise<Answer> => {
    const isWatch = call.info.verb === 'watch';
    if (!isWatch && isLong(call.info)) return next(call);
    const found = control.classify(call.user, call.info);
    if (call.answerHeaders !== undefined) Object.assign(call.answerHeaders, found.headers);
    if (found.isExempt) return next(call);
    const limitMs = isWatch ? WATCH_WAIT_MS : timeoutOf(call.query) * WAITING_PART;
    const taken = control.take(found.level, {
      flow: flowOf(found, call),
      waitMs: call.startedMs + limitMs - nowMs(),
      // Asked for only by those that wait: it costs a listener on the connection.
      get signal() {
        return call.signal;
      },
    });
    const seat = taken instanceof Promise ? await taken : taken;
    if (seat === undefined) return tooMany(control.refuse(found.level));
    try {
      return await next(call);
    } finally {
      seat();
    }
  };
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
