import type { MatchResources, NamedRuleWithOperations } from '../../generated/api/admissionregistration/v1.ts';
import { namespaces } from '../../generated/resource-types.ts';
import { notFound } from '../../machinery/errors/status-error.ts';
import type { AnyObject, GroupVersionKind } from '../../machinery/object/object.ts';
import { parseSelectorObject } from '../../machinery/values/selector-object.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { EquivalentKinds, GroupVersionResource } from '../webhooks/equivalent-kinds.ts';
import { matchesNamespace, matchesObject, matchesRule } from '../webhooks/invocation.ts';

/** As what a policy sees a request. */
export interface Matched {
  readonly resource: GroupVersionResource;
  readonly kind: GroupVersionKind;
}

export interface MatchDeps {
  readonly reader: ObjectReader;
  readonly kinds: EquivalentKinds;
}

/**
 * Whether a policy's or binding's constraints ask for an attempt.
 * @throws Error where the namespace that a selector looks at is not there, and everything else matches
 * Source: apiserver `admission/plugin/policy/matching/matching.go`.
 */
export async function matchResources(
  constraints: MatchResources,
  attempt: AdmissionAttempt,
  { reader, kinds }: MatchDeps,
): Promise<Matched | undefined> {
  const { namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [], matchPolicy } = constraints;
  const ofNamespace = parseSelectorObject(namespaceSelector ?? {});
  let failure: unknown;
  try {
    if (!(await matchesNamespace(ofNamespace, attempt, attempt.object, reader))) return undefined;
  } catch (error) {
    failure = error;
  }
  if (!matchesObject(parseSelectorObject(objectSelector ?? {}), attempt.object, attempt.previous)) return undefined;
  const isEquivalent = matchPolicy === 'Equivalent';
  if (matchRules(excludeResourceRules, attempt, kinds, isEquivalent) !== undefined) return undefined;
  const matched =
    resourceRules.length === 0 ? asAsked(attempt) : matchRules(resourceRules, attempt, kinds, isEquivalent);
  if (matched !== undefined && failure !== undefined) throw failure;
  return matched;
}

function asAsked({ group, version, resource, kind }: AdmissionAttempt): Matched {
  return { resource: { group, version, resource }, kind };
}

function matchRules(
  rules: readonly NamedRuleWithOperations[],
  attempt: AdmissionAttempt,
  kinds: EquivalentKinds,
  isEquivalent: boolean,
): Matched | undefined {
  const own = asAsked(attempt);
  const isNamed = ({ resourceNames = [] }: NamedRuleWithOperations): boolean =>
    resourceNames.length === 0 || resourceNames.includes(attempt.name);
  if (rules.some((rule) => isNamed(rule) && matchesRule(rule, own.resource, attempt))) return own;
  if (!isEquivalent || rules.length === 0) return undefined;
  const others = kinds.of(own.resource, attempt.subresource);
  for (const rule of rules) {
    if (!isNamed(rule)) continue;
    const found = others.find((other) => matchesRule(rule, other.resource, attempt));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The namespace that a request is about, without its managed fields; none for what has none, and for namespaces.
 * @throws StatusError 404
 */
export async function namespaceOf(
  { namespace, kind }: AdmissionAttempt,
  reader: ObjectReader,
): Promise<AnyObject | undefined> {
  if (namespace === '' || (kind.group === '' && kind.version === 'v1' && kind.kind === 'Namespace')) return undefined;
  const found = (await reader.get(namespaces, { name: namespace })) as AnyObject | undefined;
  if (found === undefined) throw notFound({ group: '', resource: 'namespaces' }, namespace);
  const { managedFields, ownerReferences, ...metadata } = found.metadata;
  const { spec = {}, status = {} } = found;
  return { metadata, spec, status } as AnyObject;
}
