import type { Call, WireAnswer } from '../call.ts';
import type { RequestMetrics } from './request-metrics.ts';

/** Counts a request once its answer is known; one whose answer is a stream once that ends. */
export function tellEnd(call: Call, answer: WireAnswer, metrics: RequestMetrics): void {
  const { trace, raw } = call;
  if (trace === undefined) return;
  if (answer.kind === 'bytes') {
    if (raw?.response?.destroyed) metrics.aborted(call);
    metrics.end(call, trace, { code: answer.status, bytes: lengthOf(answer.body) });
    return;
  }
  const stream = raw?.response ?? raw?.socket;
  if (stream === undefined || trace.route !== 'resource') return;
  const close = metrics.longRunning(call);
  const done = (): void => {
    close();
    // A connection that was taken over has no status, unless its answer is one of HTTP.
    const code = answer.kind === 'stream' ? answer.status : headCodeOf(call);
    metrics.end(call, trace, { code, bytes: trace.sentBytes });
  };
  if (stream.destroyed) done();
  else stream.once('close', done);
}

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
