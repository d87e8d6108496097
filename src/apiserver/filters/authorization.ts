import { forbidden, type StatusError } from '../../machinery/errors/status-error.ts';
import type { AuthenticatedCall, AuthorizationAttributes, Authorizer, Handler, User } from '../call.ts';

/** Lets a call through only when the authorizer says yes; silence counts as no. */
export function withAuthorization(
  authorizer: Authorizer,
  next: Handler<AuthenticatedCall>,
): Handler<AuthenticatedCall> {
  return async (call) => {
    const { verdict, reason } = await authorizer.authorize(call.user, call.info, call.signal);
    call.annotations.set('authorization.k8s.io/decision', verdict === 'allow' ? 'allow' : 'forbid');
    call.annotations.set('authorization.k8s.io/reason', reason);
    if (verdict !== 'allow') {
      // As upstream's writer of refusals adds it.
      if (call.answerHeaders !== undefined) call.answerHeaders['X-Content-Type-Options'] = 'nosniff';
      throw accessDenied(call.user, call.info, reason);
    }
    return next(call);
  };
}

/** The refusal as upstream words it. Source: apiserver `endpoints/handlers/responsewriters/errors.go`. */
export function accessDenied(user: User, attributes: AuthorizationAttributes, reason: string): StatusError {
  const text = sanitize(describe(user, attributes));
  const why = reason === '' ? text : `${text}: ${reason}`;
  return forbidden({ group: attributes.group, resource: attributes.resource }, attributes.name, why);
}

function describe(user: User, attributes: AuthorizationAttributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`;
  if (!attributes.isResourceRequest) return `${who} path ${JSON.stringify(attributes.path)}`;
  const { resource, subresource, group, namespace } = attributes;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const head = `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)}`;
  return namespace === '' ? `${head} at the cluster scope` : `${head} in the namespace ${JSON.stringify(namespace)}`;
}

/** Nothing in it may look like HTML to a browser. */
function sanitize(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
