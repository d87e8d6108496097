import type { AuthenticatedCall, Handler, ObjectAnswer } from '../call.ts';
import type { VerbScope } from './scope.ts';
import type { UpdateTarget } from './update.ts';

export function patchHandler(_scope: VerbScope, _target: UpdateTarget): Handler<AuthenticatedCall, ObjectAnswer> {
  return async () => {
    throw new Error('patch');
  };
}
