import type {
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
} from '../../generated/api/authorization/v1.ts';
import { type FieldError, fieldInvalid, toAggregateText } from '../../machinery/errors/field-error.ts';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { AuthorizationAttributes, Authorizer, User } from '../call.ts';
import type { Creater, CreaterRequest } from '../subresources/creater.ts';

interface ReviewDeps {
  readonly authorizer: Authorizer;
}

/** Whether some user may do something. Source: `pkg/registry/authorization/subjectaccessreview`. */
export function subjectAccessReviewCreater(deps: ReviewDeps): Creater {
  return {
    async create(object, request) {
      const review = object as unknown as SubjectAccessReview;
      demand([...validateSubject(review), ...validateAttributes(review.spec)]);
      return { object: await judge(object, toUser(review), request, deps) };
    },
  };
}

/** The same for one namespace, granted to those who administer only that. Source: `localsubjectaccessreview`. */
export function localSubjectAccessReviewCreater(deps: ReviewDeps): Creater {
  return {
    async create(object, request) {
      const review = object as unknown as SubjectAccessReview;
      const { namespace } = request.key;
      const faults: FieldError[] = [...validateSubject(review), ...validateAttributes(review.spec)];
      const wanted = review.spec?.resourceAttributes?.namespace ?? '';
      if (review.spec?.resourceAttributes !== undefined && wanted !== (object.metadata.namespace ?? '')) {
        faults.push(fieldInvalid('spec.resourceAttributes.namespace', wanted, 'must match metadata.namespace'));
      }
      if (review.spec?.nonResourceAttributes !== undefined) {
        const value = toGoValue(review.spec.nonResourceAttributes);
        faults.push(fieldInvalid('spec.nonResourceAttributes', value, 'disallowed on this kind of request'));
      }
      demand(faults);
      if (namespace === '') throw badRequest('namespace is required on this type: ');
      return { object: await judge(object, toUser(review), request, deps) };
    },
  };
}

/** Whether the caller may do something. Source: `selfsubjectaccessreview`. */
export function selfSubjectAccessReviewCreater(deps: ReviewDeps): Creater {
  return {
    async create(object, request) {
      const review = object as unknown as SelfSubjectAccessReview;
      demand(validateAttributes(review.spec));
      return { object: await judge(object, request.user, request, deps) };
    },
  };
}

interface ReviewSpec {
  readonly resourceAttributes?: ResourceAttributes | undefined;
  readonly nonResourceAttributes?: NonResourceAttributes | undefined;
}

async function judge(object: AnyObject, user: User, request: CreaterRequest, deps: ReviewDeps): Promise<AnyObject> {
  await request.validate(object);
  const spec = object['spec'] as ReviewSpec;
  const { verdict, reason, error } = await deps.authorizer.authorize(user, toAttributes(spec), request.signal);
  const status: SubjectAccessReviewStatus = {
    allowed: verdict === 'allow',
    ...(verdict === 'deny' ? { denied: true } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(error === undefined ? {} : { evaluationError: error }),
  };
  return { ...object, status };
}

function toUser(review: SubjectAccessReview): User {
  const { user = '', uid, groups = [], extra } = review.spec ?? {};
  return { name: user, uid, groups, extra: extra as User['extra'] };
}

function toAttributes(spec: ReviewSpec): AuthorizationAttributes {
  const resource = spec.resourceAttributes;
  if (resource === undefined) {
    const { path = '', verb = '' } = spec.nonResourceAttributes ?? {};
    const none = { group: '', version: '', namespace: '', resource: '', subresource: '', name: '' };
    return { isResourceRequest: false, verb, path, ...none };
  }
  return {
    isResourceRequest: true,
    verb: resource.verb ?? '',
    path: '',
    group: resource.group ?? '',
    version: resource.version ?? '',
    namespace: resource.namespace ?? '',
    resource: resource.resource ?? '',
    subresource: resource.subresource ?? '',
    name: resource.name ?? '',
    fieldSelector: resource.fieldSelector?.rawSelector,
    labelSelector: resource.labelSelector?.rawSelector,
  };
}

function validateSubject(review: SubjectAccessReview): readonly FieldError[] {
  const { user, groups } = review.spec ?? {};
  if (user || (groups ?? []).length > 0) return [];
  return [fieldInvalid('spec.user', '', 'at least one of user or group must be specified')];
}

function validateAttributes(spec: ReviewSpec | undefined): readonly FieldError[] {
  const resource = spec?.resourceAttributes;
  const other = spec?.nonResourceAttributes;
  if (resource !== undefined && other !== undefined) {
    const text = 'cannot be specified in combination with resourceAttributes';
    return [fieldInvalid('spec.nonResourceAttributes', toGoValue(other), text)];
  }
  if (resource === undefined && other === undefined) {
    const text = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    return [fieldInvalid('spec.resourceAttributes', null, text)];
  }
  const faults: FieldError[] = [];
  for (const field of ['fieldSelector', 'labelSelector'] as const) {
    const selector = resource?.[field];
    if (!selector?.rawSelector || (selector.requirements ?? []).length === 0) continue;
    const path = `spec.resourceAttributes.${field}.rawSelector`;
    faults.push(fieldInvalid(path, selector.rawSelector, 'may not specified at the same time as requirements'));
  }
  return faults;
}

/** Go shows its internal type here, whose fields have no JSON names. */
function toGoValue(attributes: NonResourceAttributes): unknown {
  return { Path: attributes.path ?? '', Verb: attributes.verb ?? '' };
}

/** Upstream gives these faults no kind. */
function demand(faults: readonly FieldError[]): void {
  if (faults.length === 0) return;
  const causes = faults.map((fault) => ({ reason: fault.reason, message: fault.text(), field: fault.field }));
  throw new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `.authorization.k8s.io "" is invalid: ${toAggregateText(faults)}`,
    details: { group: 'authorization.k8s.io', causes },
  });
}
