import { unauthorized } from '../../machinery/errors/status-error.ts';
import type { Answer, AuthenticatedCall, Authenticator, Call, Credentials, Handler, User } from '../call.ts';

/**
 * Finds out who calls. Whether nobody may call anonymously is the authenticator's business.
 * @param onRefusal - Told of those whom nobody knows.
 */
export function withAuthentication(
  authenticator: Authenticator,
  credentialsOf: (call: Call) => Credentials,
  next: Handler<AuthenticatedCall>,
  onRefusal: (call: Call) => void = () => {},
): Handler {
  return async (call): Promise<Answer> => {
    let user: User | undefined;
    try {
      user = await authenticator.authenticate(credentialsOf(call), call.signal);
      if (user === undefined) throw unauthorized();
    } catch (error) {
      onRefusal(call);
      throw error;
    }
    return next(withUser(call, user));
  };
}

/** The same call with a user; it shares the body, the warnings and the annotations with the one it is made from. */
export function withUser(call: Call, user: User, impersonator?: User): AuthenticatedCall {
  return {
    method: call.method,
    path: call.path,
    query: call.query,
    header: (name) => call.header(name),
    rawHeaders: call.rawHeaders,
    body: () => call.body(),
    direct: call.direct,
    info: call.info,
    signal: call.signal,
    warnings: call.warnings,
    startedMs: call.startedMs,
    annotations: call.annotations,
    answerHeaders: call.answerHeaders,
    raw: call.raw,
    trace: call.trace,
    user,
    impersonator,
  };
}
