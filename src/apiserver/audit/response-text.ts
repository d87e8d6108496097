import type { AnyObject } from '../../machinery/object/object.ts';
import type { Answer, WireAnswer } from '../call.ts';
import { withoutManagedFields } from './managed-fields.ts';

/**
 * The object of an answer as JSON: the bytes that the client got, where these are JSON. Undefined for what is no object.
 * Source: apiserver `pkg/audit/request.go` (LogResponseObject).
 */
export function toResponseText(
  answer: Answer,
  wire: WireAnswer,
  { omitManagedFields }: { readonly omitManagedFields: boolean },
): string | undefined {
  if ((answer.kind !== 'object' && answer.kind !== 'list') || wire.kind !== 'bytes') return undefined;
  if (wire.contentType.startsWith('application/json')) {
    const { body } = wire;
    const text = (Buffer.isBuffer(body) ? body : Buffer.concat(body)).toString('utf8').trim();
    // Indented text would take several lines.
    if (!omitManagedFields && !text.includes('\n')) return text;
    const object = JSON.parse(text) as AnyObject;
    return JSON.stringify(omitManagedFields ? withoutManagedFields(object) : object);
  }
  const object = toObject(answer);
  return JSON.stringify(omitManagedFields ? withoutManagedFields(object) : object);
}

function toObject(answer: Extract<Answer, { kind: 'object' | 'list' }>): AnyObject {
  if (answer.kind === 'object') return answer.item.object;
  const { apiVersion, kind, resourceVersion, remainingItemCount, items } = answer.list;
  const metadata = {
    resourceVersion,
    ...(answer.list.continue ? { continue: answer.list.continue } : {}),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
  return { kind, apiVersion, metadata, items: items.map(({ object }) => object) } as unknown as AnyObject;
}
