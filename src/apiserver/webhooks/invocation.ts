import type { RuleWithOperations } from '../../generated/api/admissionregistration/v1.ts';
import { namespaces } from '../../generated/resource-types.ts';
import { notFound } from '../../machinery/errors/status-error.ts';
import type { AnyObject, GroupVersionKind } from '../../machinery/object/object.ts';
import { matchesLabels, type Requirements } from '../../machinery/values/selector-object.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { Hook } from './configured-webhooks.ts';
import type { EquivalentKinds, GroupVersionResource } from './equivalent-kinds.ts';

/** A webhook that is to be called, and as what it wants to see the request. */
export interface Invocation {
  readonly hook: Hook;
  readonly resource: GroupVersionResource;
  readonly kind: GroupVersionKind;
}

export interface InvocationDeps {
  readonly reader: ObjectReader;
  readonly kinds: EquivalentKinds;
}

/**
 * Whether rules and selectors of a webhook ask for an attempt; its conditions come later.
 * @param object - What the object looks like by now.
 * @throws StatusError 404 where the namespace that a selector looks at is not there
 * Source: apiserver `admission/plugin/webhook/generic/webhook.go` (ShouldCallHook).
 */
export async function invocationOf(
  hook: Hook,
  attempt: AdmissionAttempt,
  object: AnyObject | undefined,
  deps: InvocationDeps,
): Promise<Invocation | undefined> {
  const wanted = matchRules(hook, attempt, deps.kinds);
  if (wanted === undefined) return undefined;
  if (!matchesObject(hook.objectSelector, object, attempt.previous)) return undefined;
  if (!(await matchesNamespace(hook.namespaceSelector, attempt, object, deps.reader))) return undefined;
  return wanted;
}

function matchRules(hook: Hook, attempt: AdmissionAttempt, kinds: EquivalentKinds): Invocation | undefined {
  const { rules = [], matchPolicy } = hook.webhook;
  const { group, version, resource, subresource, kind } = attempt;
  const own = { group, version, resource };
  if (rules.some((rule) => matchesRule(rule, own, attempt))) return { hook, resource: own, kind };
  if (matchPolicy !== 'Equivalent' || rules.length === 0) return undefined;
  const others = kinds.of(own, subresource);
  for (const rule of rules) {
    const found = others.find((other) => matchesRule(rule, other.resource, attempt));
    if (found !== undefined) return { hook, ...found };
  }
  return undefined;
}

/** Whether a rule names the request. Source: `admission/plugin/webhook/predicates/rules/rules.go`. */
export function matchesRule(
  { operations = [], apiGroups = [], apiVersions = [], resources = [], scope }: RuleWithOperations,
  { group, version, resource }: GroupVersionResource,
  { operation, namespace, subresource }: AdmissionAttempt,
): boolean {
  if (!has(operations, operation) || !has(apiGroups, group) || !has(apiVersions, version)) return false;
  const isNamespace = group === '' && version === 'v1' && resource === 'namespaces';
  const isClusterWide = isNamespace || namespace === '';
  if (scope === 'Namespaced' && isClusterWide) return false;
  if (scope === 'Cluster' && !isClusterWide) return false;
  return resources.some((path) => {
    const slash = path.indexOf('/');
    const [name, part] = slash < 0 ? [path, ''] : [path.slice(0, slash), path.slice(slash + 1)];
    return (name === '*' || name === resource) && (part === '*' || part === subresource);
  });
}

function has(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted);
}

/** Whether the labels of one of the objects satisfy a selector. */
export function matchesObject(selector: Requirements, ...objects: readonly (AnyObject | undefined)[]): boolean {
  if (selector.length === 0) return true;
  return objects.some((object) => object !== undefined && matchesLabels(selector, object.metadata?.labels ?? {}));
}

/** Whether the labels of its namespace satisfy a selector. Source: `admission/plugin/webhook/predicates/namespace/matcher.go`. */
export async function matchesNamespace(
  selector: Requirements,
  { namespace, resource, subresource, operation }: AdmissionAttempt,
  object: AnyObject | undefined,
  reader: ObjectReader,
): Promise<boolean> {
  if (selector.length === 0 || (namespace === '' && resource !== 'namespaces')) return true;
  if (resource === 'namespaces' && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE')) {
    return matchesLabels(selector, object?.metadata?.labels ?? {});
  }
  const found = await reader.get(namespaces, { name: namespace });
  if (found === undefined) throw notFound({ group: '', resource: 'namespaces' }, namespace);
  return matchesLabels(selector, found.metadata?.labels ?? {});
}
