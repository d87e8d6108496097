import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../generated/api/flowcontrol/v1.ts';
import type { AuthorizationAttributes, User } from '../call.ts';

/** Source of all: apiserver `pkg/util/flowcontrol/rule.go`. */

export type FlowAttributes = Pick<
  AuthorizationAttributes,
  'isResourceRequest' | 'verb' | 'path' | 'group' | 'namespace' | 'resource' | 'subresource'
>;

export type FlowMatcher = (user: User, request: FlowAttributes) => boolean;

type Test<T> = (value: T) => boolean;

/** Prepares a schema for many requests: the matcher allocates next to nothing. */
export function compileFlowSchema(spec: FlowSchema['spec']): FlowMatcher {
  const rules = (spec.rules ?? []).map(compileRule);
  return (user, request) => rules.some((matches) => matches(user, request));
}

function compileRule({ subjects, resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects): FlowMatcher {
  const isSubject = anyOf(subjects.map(compileSubject));
  const isResource = anyOf(resourceRules.map(compileResourceRule));
  const isPath = anyOf(nonResourceRules.map(compileNonResourceRule));
  return (user, request) => isSubject(user) && (request.isResourceRequest ? isResource(request) : isPath(request));
}

function anyOf<T>(tests: readonly Test<T>[]): Test<T> {
  return (value) => tests.some((test) => test(value));
}

const never = (): boolean => false;

function compileSubject({ kind, user, group, serviceAccount }: Subject): Test<User> {
  if (kind === 'User' && user !== undefined) return ({ name }) => user.name === '*' || user.name === name;
  if (kind === 'Group' && group !== undefined) {
    return group.name === '*' ? () => true : ({ groups }) => groups.includes(group.name);
  }
  if (kind !== 'ServiceAccount' || serviceAccount === undefined) return never;
  const prefix = `system:serviceaccount:${serviceAccount.namespace}:`;
  if (serviceAccount.name === '*') return ({ name }) => name.startsWith(prefix);
  const full = prefix + serviceAccount.name;
  return ({ name }) => name === full;
}

function compileResourceRule(rule: ResourcePolicyRule): Test<FlowAttributes> {
  const isVerb = oneOf(rule.verbs);
  const isResource = oneOf(rule.resources);
  const isGroup = oneOf(rule.apiGroups);
  const isNamespace = oneOf(rule.namespaces ?? []);
  return ({ verb, resource, subresource, group, namespace }) =>
    isVerb(verb) &&
    isResource(subresource === '' ? resource : `${resource}/${subresource}`) &&
    isGroup(group) &&
    (namespace === '' ? rule.clusterScope === true : isNamespace(namespace));
}

function compileNonResourceRule(rule: NonResourcePolicyRule): Test<FlowAttributes> {
  const isVerb = oneOf(rule.verbs);
  const isPath = anyOf(rule.nonResourceURLs.map(compilePath));
  return ({ verb, path }) => isVerb(verb) && isPath(path);
}

/** A path stands for those beneath it too, with a star at its end and without. */
function compilePath(url: string): Test<string> {
  if (url === '*') return () => true;
  const bare = url.endsWith('*') ? url.slice(0, -1) : url;
  const prefix = bare.endsWith('/') ? bare : `${bare}/`;
  return (path) => path === url || path.startsWith(prefix);
}

/** The star counts only where it stands alone. */
function oneOf(values: readonly string[]): Test<string> {
  if (values.length === 1 && values[0] === '*') return () => true;
  return (value) => values.includes(value);
}
