import type { Auditor } from '../audit/auditor.ts';
import type { AuthenticatedCall, Handler } from '../call.ts';

/** Begins to tell of requests whose sender is known, where somebody wants to be told. */
export function withAudit(auditor: Auditor | undefined, next: Handler<AuthenticatedCall>): Handler<AuthenticatedCall> {
  if (auditor === undefined) return next;
  return (call) => {
    auditor.begin(call);
    return next(call);
  };
}
