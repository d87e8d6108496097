import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import { parseDurationMs } from '../../machinery/values/duration.ts';
import type { Clock } from '../../std/clock.ts';
import type { Answer, Call, Handler } from '../call.ts';
import type { RequestInfo } from '../request-info.ts';

/** Source: apiserver `pkg/server/config.go` (RequestTimeout). */
const MAX_MS = 60_000;

const longVerbs = new Set(['watch', 'proxy']);
const longSubresources = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

/**
 * Answers 504 where a call takes longer than its `timeout` parameter or a minute. Watches, logs and streams take as long
 * as they take.
 * @throws StatusError 400 where the parameter is no duration
 *
 * Source: apiserver `endpoints/filters/request_deadline.go`, `server/filters/timeout.go`.
 */
export function withDeadline<C extends Call>(clock: Clock, next: Handler<C>): Handler<C> {
  return async (call) => {
    if (isLong(call.info)) return await next(call);
    return await beforeDeadline(clock, timeoutOf(call.query), next(call), () => forgetHeaders(call));
  };
}

/** Whether a request takes as long as it takes. Source: `cmd/kube-apiserver/app` (LongRunningFunc). */
export function isLong({ isResourceRequest, verb, subresource, path }: RequestInfo): boolean {
  if (!isResourceRequest) return path.startsWith('/debug/pprof/');
  return longVerbs.has(verb) || longSubresources.has(subresource);
}

/** Milliseconds that a call may take. @throws StatusError 400 where its parameter is no duration */
export function timeoutOf(query: URLSearchParams): number {
  const text = query.get('timeout');
  if (text === null || text === '') return MAX_MS;
  const wishedMs = parseDurationMs(text);
  if (wishedMs === undefined) {
    throw badRequest(`invalid timeout specified in the request URL - time: ${durationFault(text)}`);
  }
  return wishedMs > 0 ? Math.min(wishedMs, MAX_MS) : MAX_MS;
}

/** Go's sentence on a text that is no duration. Source: Go's `time.ParseDuration`. */
function durationFault(text: string): string {
  const shown = JSON.stringify(text);
  const rest = text.replace(/^[+-]/, '').replace(/^((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))*/, '');
  const unit = /^(?:\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest);
  if (unit === null) return `invalid duration ${shown}`;
  return unit[1] === ''
    ? `missing unit in duration ${shown}`
    : `unknown unit ${JSON.stringify(unit[1])} in duration ${shown}`;
}

function beforeDeadline(
  clock: Clock,
  timeoutMs: number,
  answer: Promise<Answer>,
  onTimeout: () => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => {
      onTimeout();
      reject(timedOut());
    });
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** What filters further inside had to say belongs to their answer, which nobody gets. */
function forgetHeaders({ answerHeaders = {} }: Call): void {
  for (const name of Object.keys(answerHeaders)) delete answerHeaders[name];
}

function timedOut(): StatusError {
  const message = 'Timeout: request did not complete within the allotted timeout';
  return new StatusError({ code: 504, reason: 'Timeout', message, details: {} });
}
