import type { AuthenticatedCall, Handler, ObjectAnswer } from '../call.ts';
import type { Collection } from '../registry/collection.ts';
import type { ScaleTarget } from '../subresources/scale.ts';
import { requireAcceptable } from './media.ts';
import type { VerbScope } from './scope.ts';
import { keyOfCall } from './update.ts';

/** Serves GET of one object: the stored bytes as they are. */
export function getHandler(scope: VerbScope, collection: Collection): Handler<AuthenticatedCall, ObjectAnswer> {
  const table = { definition: scope.bodyDefinition };
  return async (call) => {
    requireAcceptable(call, scope.bodyDefinition);
    const resourceVersion = call.query.get('resourceVersion') ?? '';
    const item = await collection.get(keyOfCall(call, scope), { resourceVersion, signal: call.signal });
    return { kind: 'object', status: 200, item, table };
  };
}

/** Serves GET of a scale. */
export function getScaleHandler(scope: VerbScope, target: ScaleTarget): Handler<AuthenticatedCall, ObjectAnswer> {
  const table = { definition: scope.bodyDefinition };
  return async (call) => {
    requireAcceptable(call, scope.bodyDefinition);
    const item = await target.get(keyOfCall(call, scope));
    return { kind: 'object', status: 200, item, table };
  };
}
