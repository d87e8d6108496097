import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../../generated/api/core/v1.ts';
import type { KubeObject } from '../../machinery/object/object.ts';
import { type Amounts, whole } from './amounts.ts';

/** What quotas count of one kind. Source: apiserver `pkg/quota/v1/interfaces.go` (Evaluator). */
export interface Evaluator {
  /** Whether a name in a quota's limits is about this kind. */
  counts(name: string): boolean;
  /** Whether an object falls under a scope; kinds without scopes fall under none. */
  isInScope(object: KubeObject, scope: ScopedResourceSelectorRequirement): boolean;
  /** What an object of this kind counts for. @param nowMs - For those that should be gone by now. */
  usage(object: KubeObject, nowMs: number): Amounts;
  /** Why an object cannot be counted by these names of a quota; undefined where it can. */
  faultOf?(object: KubeObject, names: readonly string[]): string | undefined;
}

/** Names that quotas had for counts before all kinds had one. */
const aliases: Readonly<Record<string, string>> = {
  'count/configmaps': 'configmaps',
  'count/secrets': 'secrets',
  'count/replicationcontrollers': 'replicationcontrollers',
  'count/resourcequotas': 'resourcequotas',
};

/** The name that counts all objects of a kind: `count/pods`, `count/jobs.batch`. */
export function countName({ group, plural }: { readonly group: string; readonly plural: string }): string {
  return group === '' ? `count/${plural}` : `count/${plural}.${group}`;
}

/** Counts objects, and nothing else of them. */
export function countEvaluator(kind: { readonly group: string; readonly plural: string }): Evaluator {
  const name = countName(kind);
  const alias = aliases[name];
  const one = whole(1);
  const usage: Amounts = new Map([[name, one], ...(alias === undefined ? [] : [[alias, one] as const])]);
  return {
    counts: (other) => other === name || other === alias,
    isInScope: () => false,
    usage: () => usage,
  };
}

/** The kind that a name counts where it is one of the old names, in the form of the new ones. */
export function kindOfAlias(name: string): string | undefined {
  return Object.keys(aliases).find((key) => aliases[key] === name);
}

/** The scopes of a quota, in both of its notations. */
export function scopesOf({ spec }: ResourceQuota): readonly ScopedResourceSelectorRequirement[] {
  const plain = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...plain, ...(spec?.scopeSelector?.matchExpressions ?? [])];
}

/** Whether an object falls under all scopes of a quota. */
export function isInScopes(evaluator: Evaluator, quota: ResourceQuota, object: KubeObject): boolean {
  return scopesOf(quota).every((scope) => evaluator.isInScope(object, scope));
}

/** Whether one of the values, or none, satisfies the requirement, as a label of that value would. */
export function satisfies(scope: ScopedResourceSelectorRequirement, values: readonly string[]): boolean {
  const listed = scope.values ?? [];
  switch (scope.operator) {
    case 'In':
      return values.some((value) => listed.includes(value));
    case 'NotIn':
      return values.length === 0 || values.some((value) => !listed.includes(value));
    case 'Exists':
      return values.length > 0;
    case 'DoesNotExist':
      return values.length === 0;
    default:
      return false;
  }
}
