import { type Negotiated, negotiate } from '../../machinery/codecs/negotiate.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { Call } from '../call.ts';

const offers = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const;

/** Refuses, before anything happens, what could not be answered in any form that the client takes. @throws StatusError 406 */
export function requireAcceptable(call: Call, definition: ResourceDefinition): void {
  if (call.direct !== undefined) return;
  negotiateAnswer(call, { protobuf: definition.origin === 'builtin', transforms: true });
}

/**
 * The form of the answer.
 * @throws StatusError 406, in the words of upstream's router for built-in kinds, of its negotiation else
 */
export function negotiateAnswer(call: Call, options: { protobuf: boolean; transforms: boolean }): Negotiated {
  const accept = call.header('accept');
  const list = options.protobuf ? offers : offers.slice(0, 2);
  if (options.protobuf && !isRoutable(accept)) {
    const message = `406: Not Acceptable\n\nAvailable representations: ${list.join(', ')}`;
    throw new StatusError({ code: 406, reason: 'NotAcceptable', message, details: {} });
  }
  const chosen = negotiate(accept, options);
  if (chosen !== undefined) return chosen;
  const message = `only the following media types are accepted: ${list.join(', ')}`;
  throw new StatusError({ code: 406, reason: 'NotAcceptable', message });
}

/** What upstream's router lets through: a media type by its full name, or anything. */
function isRoutable(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  const types = accept.split(',').map((clause) => clause.split(';')[0]?.trim() ?? '');
  return types.some((type) => type === '*/*' || (offers as readonly string[]).includes(type));
}
