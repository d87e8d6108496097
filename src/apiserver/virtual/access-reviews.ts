import type {
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
} from '../../generated/api/authorization/v1.ts';
import { toAggregateText } from '../../machinery/errors/field-error.ts';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { builtinShape } from '../../machinery/schema/builtin.ts';
import { toWire } from '../../machinery/schema/to-wire.ts';
import { FieldFaults } from '../../resources/checks/field-faults.ts';
import type { AuthorizationAttributes, Authorizer, User } from '../call.ts';
import { isSame } from '../registry/equality.ts';
import type { Creater, CreaterRequest } from '../subresources/creater.ts';
import { checkSelectors, type ReadSelector, readFieldSelector, readLabelSelector } from './review-selectors.ts';

interface ReviewDeps {
  readonly authorizer: Authorizer;
}

/** Whether some user may do something. Source: `pkg/registry/authorization/subjectaccessreview`. */
export function subjectAccessReviewCreater(deps: ReviewDeps): Creater {
  return {
    async create(object, request) {
      const review = object as unknown as SubjectAccessReview;
      const faults = new FieldFaults();
      checkSpec(review.spec, faults, { subject: true });
      checkMetadata(object, faults, 'must be empty');
      demand(faults);
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
      const faults = new FieldFaults();
      checkSpec(review.spec, faults, { subject: true });
      const { namespace: own = '', ...rest } = object.metadata;
      checkMetadata({ ...object, metadata: rest }, faults, 'must be empty except for namespace', object.metadata);
      const resource = review.spec?.resourceAttributes;
      if (resource !== undefined && (resource.namespace ?? '') !== own) {
        faults.invalid('spec.resourceAttributes.namespace', resource.namespace ?? '', 'must match metadata.namespace');
      }
      if (review.spec?.nonResourceAttributes !== undefined) {
        const value = toGoValue(review.spec.nonResourceAttributes);
        faults.invalid('spec.nonResourceAttributes', value, 'disallowed on this kind of request');
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
      const faults = new FieldFaults();
      checkSpec(review.spec, faults, { subject: false });
      checkMetadata(object, faults, 'must be empty');
      demand(faults);
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
  const resource = spec.resourceAttributes;
  const selectors = resource === undefined ? [] : [readFieldSelector(resource), readLabelSelector(resource)];
  const wanted = toAttributes(spec, selectors);
  const { verdict, reason, error } = await deps.authorizer.authorize(user, wanted, request.signal);
  const errors = [error, ...selectors.map(({ fault }) => fault)].filter((text) => text !== undefined);
  const status: SubjectAccessReviewStatus = {
    allowed: verdict === 'allow',
    ...(verdict === 'deny' ? { denied: true } : {}),
    ...(reason === '' ? {} : { reason }),
    ...(errors.length === 0 ? {} : { evaluationError: errors.join('; ') }),
  };
  return { ...object, status };
}

function toUser(review: SubjectAccessReview): User {
  const { user = '', uid, groups = [], extra } = review.spec ?? {};
  return { name: user, uid, groups, extra: extra as User['extra'] };
}

function toAttributes(spec: ReviewSpec, [fields, labels]: readonly ReadSelector[]): AuthorizationAttributes {
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
    version: resource.version || '*',
    namespace: resource.namespace ?? '',
    resource: resource.resource ?? '',
    subresource: resource.subresource ?? '',
    name: resource.name ?? '',
    fieldSelector: fields?.text,
    labelSelector: labels?.text,
  };
}

interface CheckedSpec extends ReviewSpec {
  readonly user?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** Source: `pkg/apis/authorization/validation/validation.go`. */
function checkSpec(
  spec: CheckedSpec | undefined,
  faults: FieldFaults,
  { subject }: { readonly subject: boolean },
): void {
  const resource = spec?.resourceAttributes;
  const other = spec?.nonResourceAttributes;
  if (resource !== undefined && other !== undefined) {
    const text = 'cannot be specified in combination with resourceAttributes';
    faults.invalid('spec.nonResourceAttributes', toGoValue(other), text);
  }
  if (resource === undefined && other === undefined) {
    const text = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    faults.invalid('spec.resourceAttributes', null, text);
  }
  if (subject && !spec?.user && (spec?.groups ?? []).length === 0) {
    faults.invalid('spec.user', '', 'at least one of user or group must be specified');
  }
  if (resource !== undefined) checkSelectors(resource, faults);
}

function checkMetadata(object: AnyObject, faults: FieldFaults, why: string, shown = object.metadata): void {
  const shape = builtinShape('meta/v1.ObjectMeta');
  const { managedFields: _managers, ...metadata } = toWire(object.metadata as AnyObject, shape);
  if (!isSame(metadata, {})) faults.invalid('metadata', toWire(shown as AnyObject, shape), why);
}

/** Go shows its internal type here, whose fields have no JSON names. */
function toGoValue(attributes: NonResourceAttributes): unknown {
  return { Path: attributes.path ?? '', Verb: attributes.verb ?? '' };
}

/** Upstream gives these faults no kind. */
function demand({ list }: FieldFaults): void {
  if (list.length === 0) return;
  const causes = list.map((fault) => ({ reason: fault.reason, message: fault.text(), field: fault.field }));
  throw new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `.authorization.k8s.io "" is invalid: ${toAggregateText(list)}`,
    details: { group: 'authorization.k8s.io', causes },
  });
}
