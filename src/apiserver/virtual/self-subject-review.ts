import type { AnyObject } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { Creater } from '../subresources/creater.ts';
import { toUserInfo } from './token-review.ts';

/** Who the caller is. Source: `pkg/registry/authentication/selfsubjectreview`. */
export function selfSubjectReviewCreater(deps: { readonly clock: Clock }): Creater {
  return {
    async create(object, request) {
      await request.validate(object);
      const answer = {
        kind: 'SelfSubjectReview',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { creationTimestamp: toTimeText(deps.clock.nowMs()) },
        status: { userInfo: toUserInfo(request.user) },
      };
      return { object: answer as unknown as AnyObject };
    },
  };
}
