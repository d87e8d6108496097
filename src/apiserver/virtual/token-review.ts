import type { TokenReview, TokenReviewStatus, UserInfo } from '../../generated/api/authentication/v1.ts';
import { badRequest } from '../../machinery/errors/status-error.ts';
import type { Authenticator, User } from '../call.ts';
import type { Creater } from '../subresources/creater.ts';

/** Whose token it is. Source: `pkg/registry/authentication/tokenreview`. */
export function tokenReviewCreater(deps: { readonly authenticator: Authenticator }): Creater {
  return {
    async create(object, request) {
      const { spec, status } = object as unknown as TokenReview;
      if (!spec?.token) throw badRequest('token is required for TokenReview in authentication');
      await request.validate(object);
      const audiences = spec.audiences ?? [];
      const found = await deps.authenticator.reviewToken?.(spec.token, audiences, request.signal);
      return { object: { ...object, status: toStatus(found, status) } };
    },
  };
}

type Found = Awaited<ReturnType<NonNullable<Authenticator['reviewToken']>>>;

/** @param given - What the request came with: upstream leaves of it what it does not know better. */
function toStatus(found: Found, given: TokenReviewStatus = {}): TokenReviewStatus {
  const kept = { ...given, authenticated: false, user: given.user ?? {} };
  if (found === undefined) return kept;
  if ('error' in found) return { ...kept, error: found.error };
  return { ...kept, authenticated: true, user: toUserInfo(found.user), audiences: [...found.audiences] };
}

/** A user as API objects show it. */
export function toUserInfo(user: User): UserInfo {
  const extra = Object.entries(user.extra ?? {}).map(([key, values]) => [key, [...values]] as const);
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    ...(user.groups.length === 0 ? {} : { groups: [...user.groups] }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) as NonNullable<UserInfo['extra']> }),
  };
}
