import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Answer, Call, Handler, ObjectAnswer } from '../call.ts';

/** Turns every fault of the handlers within into a `Status` answer. What is no API error is logged: it is a bug. */
export function withFaults<C extends Call>(logger: Logger, next: Handler<C>): Handler<C> {
  return async (call): Promise<Answer> => {
    try {
      return await next(call);
    } catch (error) {
      return toFaultAnswer(error, call, logger);
    }
  };
}

/** The `Status` that tells of a fault. */
export function toFaultAnswer(error: unknown, call: Call, logger: Logger): ObjectAnswer {
  const fault = asStatusError(error);
  if (!(error instanceof StatusError) && !isTooDeep(error) && !call.signal.aborted) {
    logger.error('a request failed unexpectedly', { method: call.method, path: call.path, error });
  }
  const retryAfter = fault.details?.retryAfterSeconds;
  return {
    kind: 'object',
    status: fault.code,
    item: { object: fault.toStatus() as unknown as AnyObject },
    ...(retryAfter === undefined ? {} : { headers: { 'Retry-After': String(retryAfter) } }),
  };
}

function isTooDeep(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes('call stack');
}

/** Any error as an API error; an unknown one has code 500 and no reason, as upstream's. */
export function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  // Nobody nests so deeply who means well; upstream stops at a fixed depth.
  if (isTooDeep(error)) return badRequest('exceeded max depth', { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new StatusError({ code: 500, reason: '', message }, { cause: error });
}
