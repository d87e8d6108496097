import type { AnyObject, ObjectKey } from '../../machinery/object/object.ts';
import type { User } from '../call.ts';
import type { CreateRequest, Written } from '../registry/store.ts';

export interface CreaterRequest extends CreateRequest {
  /** What the path names: the object of a subresource, or just the namespace. */
  readonly key: { readonly namespace: string; readonly name: string };
  readonly user: User;
  readonly signal: AbortSignal;
  /** Adds a note to the audit event of the request. */
  annotate?(key: string, value: string): void;
}

/** Something that is only created: a subresource such as a binding, or a resource that is not stored. */
export interface Creater {
  /** @param object - Private to the call. @returns what the client gets, a `Status` for most actions. */
  create(object: AnyObject, request: CreaterRequest): Promise<Written>;
}

/** The answer of an action that has no result. */
export const success: AnyObject = Object.freeze({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: Object.freeze({}),
  status: 'Success',
  code: 201,
}) as unknown as AnyObject;

/** The key of a namespaced object. */
export function namespacedKey(request: CreaterRequest): ObjectKey {
  return { namespace: request.key.namespace, name: request.key.name };
}
