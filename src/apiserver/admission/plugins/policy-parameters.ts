import type {
  MutatingAdmissionPolicy,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
} from '../../../generated/api/admissionregistration/v1.ts';
import { mutatingadmissionpolicies, validatingadmissionpolicies } from '../../../generated/resource-types.ts';
import { fieldForbidden } from '../../../machinery/errors/field-error.ts';
import { invalid } from '../../../machinery/errors/status-error.ts';
import type { ResourceType } from '../../../machinery/object/object.ts';
import { type Authorizer, isInGroup, type User } from '../../call.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { isSame } from '../../registry/equality.ts';
import type { ResourceCatalog } from '../../served-resources.ts';
import type { AdmissionAttempt, AdmissionPlugin } from '../admission.ts';

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;

const GROUP = 'admissionregistration.k8s.io';

/** The policies of each sort, by the plural of the policies and of their bindings. */
const sorts: Readonly<Record<string, ResourceType<Policy>>> = {
  validatingadmissionpolicies,
  validatingadmissionpolicybindings: validatingadmissionpolicies,
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings: mutatingadmissionpolicies,
};

export interface PolicyParametersDeps {
  readonly authorizer: Authorizer;
  readonly reader: ObjectReader;
  readonly catalog: ResourceCatalog;
}

interface Target {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

const ANYTHING: Target = { group: '*', version: '*', resource: '*' };

/**
 * Nobody lets a policy read, in the server's name, what they may not read themselves. Upstream's kinds do it themselves,
 * as the last of their rules: the moment is the same.
 *
 * Source: `authz.go` of the kinds in `pkg/registry/admissionregistration`.
 */
export function policyParameters(deps: PolicyParametersDeps): AdmissionPlugin {
  return {
    name: 'PolicyParameters',
    operations: ['CREATE', 'UPDATE'],
    async validate(attempt) {
      const { group, resource, subresource, user, kind, object } = attempt;
      if (group !== GROUP || subresource !== '' || !Object.hasOwn(sorts, resource)) return;
      if (isInGroup(user, 'system:masters')) return;
      const isBinding = resource.endsWith('bindings');
      const fault = await (isBinding ? bindingFault(attempt, deps) : policyFault(attempt, deps));
      if (fault === undefined) return;
      const faults = [fieldForbidden(isBinding ? 'spec.paramRef' : 'spec.paramKind', fault)];
      throw invalid(kind, object?.metadata.name ?? '', faults);
    },
  };
}

async function policyFault(attempt: AdmissionAttempt, deps: PolicyParametersDeps): Promise<string | undefined> {
  const kind = (attempt.object as Policy | undefined)?.spec.paramKind;
  const before = (attempt.previous as Policy | undefined)?.spec.paramKind;
  if (kind === undefined || (before !== undefined && isSame(kind, before))) return undefined;
  const { target } = resolve(kind, deps.catalog);
  if (await mayRead(attempt, deps.authorizer, target, { verb: 'get', name: '*', namespace: '*' })) return undefined;
  return `user ${shown(attempt.user)} must have "get" permission on all objects of the referenced paramKind (kind=${kind.kind ?? ''}, apiVersion=${kind.apiVersion ?? ''})`;
}

async function bindingFault(attempt: AdmissionAttempt, deps: PolicyParametersDeps): Promise<string | undefined> {
  const { policyName = '', paramRef } =
    (attempt.object as { spec?: { policyName?: string; paramRef?: ParamRef } }).spec ?? {};
  const sort = sorts[attempt.resource];
  if (paramRef === undefined || sort === undefined) return undefined;
  const policy = await deps.reader.get(sort, { name: policyName });
  const kind = policy?.spec.paramKind;
  const { target, isUnknown } =
    kind === undefined ? { target: ANYTHING, isUnknown: false } : resolve(kind, deps.catalog);
  const { name = '', namespace = '' } = paramRef;
  const verb = name === '' ? 'list' : 'get';
  if (await mayRead(attempt, deps.authorizer, target, { verb, name, namespace })) return undefined;
  const who = shown(attempt.user);
  const all = `to determine minimum required permissions and user ${who} does not have "${verb}" permission for all groups, versions and resources`;
  if (policy === undefined) return `unable to get policy ${policyName} ${all}`;
  if (isUnknown) return `unable to resolve paramKind &{${kind?.apiVersion ?? ''} ${kind?.kind ?? ''}} ${all}`;
  // Upstream's text for bindings that change something has the two in the wrong order.
  const [first, second] = sort === mutatingadmissionpolicies ? [verb, who] : [who, verb];
  return `user ${first} does not have "${second}" permission on the object referenced by paramRef`;
}

/** What a kind is served as; its resource stays open where none has it. */
function resolve(kind: ParamKind, catalog: ResourceCatalog): { readonly target: Target; readonly isUnknown: boolean } {
  const [version = '', group = ''] = (kind.apiVersion ?? '').split('/').reverse();
  const found = catalog
    .resourcesSnapshot()
    .groups.find((served) => served.group === group)
    ?.versions.find((served) => served.version === version)
    ?.resources.find(({ definition }) => definition.kind === kind.kind);
  const resource = found?.definition.plural ?? '*';
  return { target: { group, version, resource }, isUnknown: found === undefined };
}

async function mayRead(
  { user, signal }: AdmissionAttempt,
  authorizer: Authorizer,
  target: Target,
  what: { readonly verb: string; readonly name: string; readonly namespace: string },
): Promise<boolean> {
  const attributes = { isResourceRequest: true, path: '', subresource: '', ...target, ...what };
  return (await authorizer.authorize(user, attributes, signal)).verdict === 'allow';
}

/** A user as Go prints the struct. */
function shown({ name, uid = '', groups, extra }: User): string {
  const pairs = Object.entries(extra ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, values]) => `${key}:[${values.join(' ')}]`);
  return `&{${name} ${uid} [${groups.join(' ')}] map[${pairs.join(' ')}]}`;
}
