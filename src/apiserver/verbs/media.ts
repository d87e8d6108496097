import { type Negotiated, negotiate, type Offers } from '../../machinery/codecs/negotiate.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Call } from '../call.ts';

const offers = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const;
const streams = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'] as const;

/** Refuses, before anything happens, what could not be answered in any form that the client takes. @throws StatusError 406 */
export function requireAcceptable(
  call: Call,
  definition: ResourceDefinition,
  options: { readonly streams?: boolean; readonly tables?: boolean | undefined } = {},
): void {
  if (call.direct !== undefined) return;
  negotiateAnswer(call, { protobuf: definition.origin === 'builtin', transforms: true, ...options });
}

/**
 * The form of the answer.
 * @param options.streams - Whether the path can be watched too, which the fault then tells. Default false.
 * @param options.routed - Whether upstream's router leads there, and not its aggregator. Default true.
 * @throws StatusError 406, in the words of upstream's router for built-in kinds, of its negotiation else
 */
export function negotiateAnswer(
  call: Call,
  options: Offers & { readonly streams?: boolean; readonly routed?: boolean },
): Negotiated {
  const accept = call.header('accept');
  if (options.protobuf && options.routed !== false && !isRoutable(accept)) throw unroutable(call, options);
  const chosen = negotiate(accept, options);
  if (chosen !== undefined) return chosen;
  throw notAcceptable(offers);
}

/** Refuses a watch in a form that cannot be streamed. @throws StatusError 406 */
export function requireStreamable(call: Call, definition: ResourceDefinition): void {
  if (call.direct !== undefined) return;
  const options = { protobuf: definition.origin === 'builtin', transforms: true };
  if (negotiateAnswer(call, options).mediaType === 'application/yaml') throw notAcceptable(streams);
}

/** A fault of upstream's negotiation, which tells all that it knows, whatever the kind. */
function notAcceptable(list: readonly string[]): StatusError {
  const message = `only the following media types are accepted: ${list.join(', ')}`;
  return new StatusError({ code: 406, reason: 'NotAcceptable', message });
}

/** A fault of upstream's router, to which a body that is missing is worse. Source: go-restful `jsr311.go` (detectRoute). */
function unroutable(call: Call, options: { readonly streams?: boolean }): StatusError {
  const list = (options.streams ? [...offers, ...streams] : offers).join(', ');
  const length = call.header('content-length') ?? '';
  if (['POST', 'PUT', 'PATCH'].includes(call.method) && (length === '' || length === '0')) {
    const message = `415: Unsupported Media Type\n\nAvailable representations: ${list}`;
    return new StatusError({ code: 415, reason: 'UnsupportedMediaType', message, details: {} });
  }
  const message = `406: Not Acceptable\n\nAvailable representations: ${list}`;
  return new StatusError({ code: 406, reason: 'NotAcceptable', message, details: {} });
}

/** What upstream's router lets through: a media type by its full name, or anything. */
function isRoutable(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  const types = accept.split(',').map((clause) => clause.split(';')[0]?.trim() ?? '');
  return types.some((type) => type === '*/*' || (offers as readonly string[]).includes(type));
}
