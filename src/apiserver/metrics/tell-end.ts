import type { Answer, Call, WireAnswer } from '../call.ts';
import { isLong } from '../filters/deadline.ts';
import type { RequestMetrics } from './request-metrics.ts';

/**
 * Counts a request, and tells of it, once its answer is known; one whose answer is a stream once that ends.
 * @param found - The answer before it was rendered.
 */
export function tellEnd(call: Call, found: Answer, answer: WireAnswer, metrics: RequestMetrics): void {
  const { trace, raw } = call;
  if (trace === undefined) return;
  if (answer.kind === 'bytes') {
    if (raw?.response?.destroyed) metrics.aborted(call);
    metrics.end(call, trace, { code: answer.status, bytes: lengthOf(answer.body) });
    if (isLong(call.info)) trace.audit?.started(found, answer.status);
    trace.audit?.ended(found, answer, answer.status);
    return;
  }
  const stream = raw?.response ?? raw?.socket;
  if (stream === undefined) return;
  const close = trace.route === 'resource' ? metrics.longRunning(call) : undefined;
  trace.audit?.started(found, answer.kind === 'stream' ? answer.status : SWITCHING);
  const done = (): void => {
    close?.();
    trace.audit?.ended(found, undefined, answer.kind === 'stream' ? answer.status : SWITCHING);
    // A connection that was taken over has no status, unless its answer is one of HTTP.
    const code = answer.kind === 'stream' ? answer.status : headCodeOf(call);
    metrics.end(call, trace, { code, bytes: trace.sentBytes });
  };
  if (stream.destroyed) done();
  else stream.once('close', done);
}

/** What connections that are taken over are said to be answered with. */
const SWITCHING = 101;

function headCodeOf({ raw }: Call): number {
  const { response } = raw ?? {};
  return response?.headersSent === true ? response.statusCode : 0;
}

function lengthOf(body: Buffer | readonly Buffer[]): number {
  if (Buffer.isBuffer(body)) return body.length;
  let bytes = 0;
  for (const part of body) bytes += part.length;
  return bytes;
}
