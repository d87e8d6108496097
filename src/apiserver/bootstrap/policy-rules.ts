import type { ObjectMeta } from '../../generated/api/meta/v1.ts';
import type { AggregationRule, PolicyRule, Subject } from '../../generated/api/rbac/v1.ts';
import { isSame } from '../registry/equality.ts';

interface RoleLike {
  metadata?: ObjectMeta;
  rules?: PolicyRule[] | undefined;
  aggregationRule?: AggregationRule | undefined;
}

interface BindingLike {
  metadata?: ObjectMeta;
  subjects?: Subject[] | undefined;
}

const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

/**
 * The stored role with what the policy adds and the role lacks; undefined where it lacks nothing. Grants that somebody
 * added stay. Roles that opted out are left alone. Pure.
 * Source: component-helpers `auth/rbac/reconciliation/reconcile_role.go`.
 */
export function mergeRole<T extends RoleLike>(stored: T, wanted: T): T | undefined {
  if (isProtected(stored)) return undefined;
  const metadata = mergeMetadata(stored, wanted);
  // Rules of aggregated roles are collected from other roles by a controller.
  const missing = wanted.aggregationRule === undefined ? missingRules(stored.rules ?? [], wanted.rules ?? []) : [];
  const aggregationRule = mergeAggregation(stored.aggregationRule, wanted.aggregationRule);
  if (metadata === undefined && missing.length === 0 && isSame(aggregationRule, stored.aggregationRule))
    return undefined;
  const { aggregationRule: _before, ...rest } = stored;
  return {
    ...rest,
    ...(metadata === undefined ? {} : { metadata }),
    rules: [...(stored.rules ?? []), ...missing],
    ...(aggregationRule === undefined ? {} : { aggregationRule }),
  } as T;
}

/** The same for the subjects of a binding. */
export function mergeBinding<T extends BindingLike>(stored: T, wanted: T): T | undefined {
  if (isProtected(stored)) return undefined;
  const metadata = mergeMetadata(stored, wanted);
  const subjects = stored.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !subjects.some((other) => isSame(other, subject)));
  if (metadata === undefined && missing.length === 0) return undefined;
  return { ...stored, ...(metadata === undefined ? {} : { metadata }), subjects: [...subjects, ...missing] };
}

function isProtected(stored: { metadata?: ObjectMeta }): boolean {
  return stored.metadata?.annotations?.[AUTO_UPDATE] === 'false';
}

/** Metadata with the policy's labels and annotations added; undefined where none is missing. */
function mergeMetadata(stored: { metadata?: ObjectMeta }, wanted: { metadata?: ObjectMeta }): ObjectMeta | undefined {
  const labels = { ...wanted.metadata?.labels, ...stored.metadata?.labels };
  const annotations = { ...wanted.metadata?.annotations, ...stored.metadata?.annotations };
  const same = isSame(labels, stored.metadata?.labels ?? {}) && isSame(annotations, stored.metadata?.annotations ?? {});
  return same ? undefined : { ...stored.metadata, labels, annotations };
}

function mergeAggregation(
  stored: AggregationRule | undefined,
  wanted: AggregationRule | undefined,
): AggregationRule | undefined {
  if (wanted === undefined) return undefined;
  const selectors = stored?.clusterRoleSelectors ?? [];
  const missing = (wanted.clusterRoleSelectors ?? []).filter(
    (selector) => !selectors.some((other) => isSame(other, selector)),
  );
  return missing.length === 0 ? stored : { clusterRoleSelectors: [...selectors, ...missing] };
}

/** Rules of `wanted` that `stored` does not grant in full. */
export function missingRules(stored: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  if (isSame(stored, wanted)) return [];
  return wanted.filter((rule) => !atomsOf(rule).every((atom) => stored.some((other) => grants(other, atom))));
}

interface Atom {
  readonly verb: string;
  readonly group?: string;
  readonly resource?: string;
  readonly name?: string | undefined;
  readonly url?: string;
}

function atomsOf(rule: PolicyRule): readonly Atom[] {
  const atoms: Atom[] = [];
  for (const verb of rule.verbs ?? []) {
    for (const url of rule.nonResourceURLs ?? []) atoms.push({ verb, url });
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const names = (rule.resourceNames ?? []).length === 0 ? [undefined] : (rule.resourceNames ?? []);
        for (const name of names) atoms.push({ verb, group, resource, name });
      }
    }
  }
  return atoms;
}

function grants(rule: PolicyRule, atom: Atom): boolean {
  if (!has(rule.verbs, atom.verb)) return false;
  if (atom.url !== undefined) return (rule.nonResourceURLs ?? []).some((url) => matchesUrl(url, atom.url ?? ''));
  if (!has(rule.apiGroups, atom.group ?? '') || !has(rule.resources, atom.resource ?? '')) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || (atom.name !== undefined && names.includes(atom.name));
}

function has(list: readonly string[] | undefined, item: string): boolean {
  return list !== undefined && (list.includes(item) || list.includes('*'));
}

function matchesUrl(pattern: string, url: string): boolean {
  return pattern === url || pattern === '*' || (pattern.endsWith('*') && url.startsWith(pattern.slice(0, -1)));
}
