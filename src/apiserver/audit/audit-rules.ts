import type { User } from '../call.ts';
import type { RequestInfo } from '../request-info.ts';
import type { AuditedResources, AuditLevel, AuditPolicy, AuditPolicyRule, AuditStage } from './audit-policy.ts';

/** How a request is told of. */
export interface AuditConfig {
  readonly level: AuditLevel;
  readonly omitStages: readonly AuditStage[];
  readonly omitManagedFields: boolean;
}

/**
 * Finds the first rule that matches; what none matches is not told of.
 * @param user - Undefined where nobody knows who asks.
 *
 * Source: apiserver `pkg/audit/policy/checker.go`.
 */
export function evaluateAudit(policy: AuditPolicy, user: User | undefined, info: RequestInfo): AuditConfig {
  for (const rule of policy.rules) {
    if (!matches(rule, user, info)) continue;
    const { level = 'None', omitStages = [], omitManagedFields = policy.omitManagedFields } = rule;
    const stages = policy.omitStages.length === 0 ? omitStages : [...policy.omitStages, ...omitStages];
    return { level, omitStages: stages, omitManagedFields };
  }
  return { level: 'None', omitStages: policy.omitStages, omitManagedFields: policy.omitManagedFields };
}

function matches(rule: AuditPolicyRule, user: User | undefined, info: RequestInfo): boolean {
  const { users, userGroups, verbs, namespaces, resources, nonResourceURLs } = rule;
  if (isGiven(users) && !users.includes(user?.name ?? '')) return false;
  if (isGiven(userGroups) && !user?.groups.some((group) => userGroups.includes(group))) return false;
  if (isGiven(verbs) && !verbs.includes(info.verb)) return false;
  if (isGiven(namespaces) || isGiven(resources)) {
    if (!info.isResourceRequest) return false;
    if (isGiven(namespaces) && !namespaces.includes(info.namespace)) return false;
    return !isGiven(resources) || resources.some((each) => covers(each, info));
  }
  if (isGiven(nonResourceURLs))
    return !info.isResourceRequest && nonResourceURLs.some((url) => coversPath(url, info.path));
  return true;
}

function isGiven<T>(list: readonly T[] | undefined | null): list is readonly T[] {
  return list !== undefined && list !== null && list.length > 0;
}

function covers({ group = '', resources, resourceNames }: AuditedResources, info: RequestInfo): boolean {
  if (group !== info.group && group !== '*') return false;
  if (!isGiven(resources)) return true;
  if (isGiven(resourceNames) && !resourceNames.includes(info.name)) return false;
  const { resource, subresource } = info;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some(
    (each) =>
      each === whole || each === '*' || (subresource !== '' && each === `*/${subresource}`) || each === `${resource}/*`,
  );
}

function coversPath(url: string, path: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')));
}
