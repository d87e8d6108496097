import type { PolicyRule } from '../../generated/api/rbac/v1.ts';
import type { AuthorizationAttributes } from '../call.ts';

/** Whether one rule of a role allows a request. Source: `pkg/apis/rbac/v1/evaluation_helpers.go`. */
export function ruleAllows(rule: PolicyRule, wanted: AuthorizationAttributes): boolean {
  if (!hasOrAll(rule.verbs, wanted.verb)) return false;
  if (!wanted.isResourceRequest) return matchesUrl(rule.nonResourceURLs, wanted.path);
  return (
    hasOrAll(rule.apiGroups, wanted.group) &&
    matchesResource(rule.resources, wanted.resource, wanted.subresource) &&
    matchesName(rule.resourceNames, wanted.name)
  );
}

function hasOrAll(list: readonly string[] | undefined, item: string): boolean {
  return list !== undefined && (list.includes(item) || list.includes('*'));
}

function matchesResource(list: readonly string[] | undefined, resource: string, subresource: string): boolean {
  if (list === undefined) return false;
  const combined = subresource === '' ? resource : `${resource}/${subresource}`;
  if (list.includes('*') || list.includes(combined)) return true;
  return subresource !== '' && list.includes(`*/${subresource}`);
}

function matchesName(list: readonly string[] | undefined, name: string): boolean {
  return list === undefined || list.length === 0 || list.includes(name);
}

function matchesUrl(patterns: readonly string[] | undefined, path: string): boolean {
  return (patterns ?? []).some((pattern) => pattern === '*' || urlCovers(pattern, path));
}

function urlCovers(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, '')));
}

/**
 * The parts of `wanted` that `held` does not cover, each with one verb, one group, one resource and at most one name.
 * Source: component-helpers `auth/rbac/validation/policy_comparator.go`.
 */
export function uncoveredRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(breakDown).filter((part) => !held.some((rule) => covers(rule, part)));
}

function breakDown(rule: PolicyRule): readonly PolicyRule[] {
  const parts: PolicyRule[] = [];
  const names = rule.resourceNames ?? [];
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs ?? []) {
        const part = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (names.length === 0) parts.push(part);
        for (const name of names) parts.push({ ...part, resourceNames: [name] });
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? []) {
    for (const verb of rule.verbs ?? []) parts.push({ nonResourceURLs: [url], verbs: [verb] });
  }
  return parts;
}

function covers(rule: PolicyRule, part: PolicyRule): boolean {
  const [verb = ''] = part.verbs ?? [];
  if (!hasOrAll(rule.verbs, verb)) return false;
  const [url] = part.nonResourceURLs ?? [];
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => urlCovers(pattern, url));
  const [group = ''] = part.apiGroups ?? [];
  const [resource = ''] = part.resources ?? [];
  const slash = resource.indexOf('/');
  const matches =
    hasOrAll(rule.resources, resource) || (slash >= 0 && (rule.resources ?? []).includes(`*${resource.slice(slash)}`));
  const [name] = part.resourceNames ?? [];
  const names = rule.resourceNames ?? [];
  return (
    hasOrAll(rule.apiGroups, group) && matches && (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

/**
 * Rules for people: those that differ by verb alone are joined, and the lines are sorted.
 * Source: `pkg/registry/rbac/validation/policy_compact.go`.
 */
export function describeRules(parts: readonly PolicyRule[]): readonly string[] {
  const joined = new Map<string, PolicyRule>();
  const rules: PolicyRule[] = [];
  for (const part of parts) {
    if (part.nonResourceURLs !== undefined) {
      rules.push(part);
      continue;
    }
    const key = JSON.stringify([part.apiGroups, part.resources, part.resourceNames]);
    const known = joined.get(key);
    joined.set(key, known === undefined ? part : { ...known, verbs: [...(known.verbs ?? []), ...(part.verbs ?? [])] });
  }
  return [...new Set([...rules, ...joined.values()].map(describeRule))].sort();
}

function describeRule(rule: PolicyRule): string {
  const fields: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const shown = fields.filter(([, list]) => (list ?? []).length > 0);
  return `{${shown.map(([title, list]) => `${title}:${quoteList(list ?? [])}`).join(', ')}}`;
}

/** A list of strings as Go's `%q` prints it. */
export function quoteList(list: readonly string[]): string {
  return `[${list.map((item) => JSON.stringify(item)).join(' ')}]`;
}
