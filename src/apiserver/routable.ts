import { StatusError } from '../machinery/errors/status-error.ts';
import type { Call } from './call.ts';

/**
 * Refuses a call whose client does not take the one media type that its path has.
 * @throws StatusError 406, in the words of upstream's router
 */
export function requireRoutable(call: Call, contentType: string): void {
  const accept = call.header('accept');
  if (call.direct !== undefined || accept === undefined || accept.trim() === '') return;
  const types = accept.split(',').map((range) => range.split(';')[0]?.trim() ?? '');
  if (types.some((type) => type === '*/*' || type === contentType)) return;
  const message = `406: Not Acceptable\n\nAvailable representations: ${contentType}`;
  throw new StatusError({ code: 406, reason: 'NotAcceptable', message, details: {} });
}
