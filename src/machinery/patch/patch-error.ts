import { StatusError } from '../errors/status-error.ts';

/** A patch that cannot be applied to the object: 422, with the sentence that upstream has for all of them. */
export function unprocessablePatch(cause: unknown): StatusError {
  const message = 'the server rejected our request due to an error in our request';
  return new StatusError({ code: 422, reason: 'Invalid', message, details: {} }, { cause });
}

/** A fault for which upstream has no better answer than 500 with its text. */
export function internalPatchError(message: string): StatusError {
  return new StatusError({ code: 500, reason: '', message });
}
