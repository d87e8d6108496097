import type { SelfSubjectRulesReview } from '../../generated/api/authorization/v1.ts';
import { badRequest } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Authorizer } from '../call.ts';
import type { Creater } from '../subresources/creater.ts';

/** What the caller may do in a namespace. Source: `pkg/registry/authorization/selfsubjectrulesreview`. */
export function selfSubjectRulesReviewCreater(deps: { readonly authorizer: Authorizer }): Creater {
  return {
    async create(object, request) {
      const namespace = (object as unknown as SelfSubjectRulesReview).spec?.namespace ?? '';
      if (namespace === '') throw badRequest('no namespace on request');
      await request.validate(object);
      const rules = await deps.authorizer.rulesFor?.(request.user, namespace);
      const status = {
        resourceRules: rules?.resourceRules ?? [],
        nonResourceRules: rules?.nonResourceRules ?? [],
        incomplete: rules?.incomplete ?? true,
        ...(rules?.evaluationError === undefined ? {} : { evaluationError: rules.evaluationError }),
      };
      const answer = {
        kind: 'SelfSubjectRulesReview',
        apiVersion: 'authorization.k8s.io/v1',
        metadata: {},
        spec: {},
        status,
      };
      return { object: answer as unknown as AnyObject };
    },
  };
}
