import { StatusError } from '../machinery/errors/status-error.ts';
import type { BytesAnswer } from './call.ts';

/** No such resource, below a group that exists. */
export function noSuchResource(): StatusError {
  const message = 'the server could not find the requested resource';
  return new StatusError({ code: 404, reason: 'NotFound', message, details: {} });
}

/** The resource exists and does not take this method. */
export function methodNotAllowed(): StatusError {
  const message = 'the server does not allow this method on the requested resource';
  return new StatusError({ code: 405, reason: 'MethodNotAllowed', message, details: {} });
}

/** Nothing at all lives at this path. */
export const pageNotFound: BytesAnswer = {
  kind: 'bytes',
  status: 404,
  contentType: 'text/plain; charset=utf-8',
  headers: { 'X-Content-Type-Options': 'nosniff' },
  body: Buffer.from('404 page not found\n'),
};
