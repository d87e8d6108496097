import type {
  MatchResources,
  NamedRuleWithOperations,
  Rule,
  RuleWithOperations,
} from '../../generated/api/admissionregistration/v1.ts';
import { pathSegmentFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from '../checks/field-faults.ts';
import { checkLabelSelector } from '../checks/labels.ts';

/** Source of all: admissionregistration/validation (validateRule and its kin) and v1/defaults.go. */

export const MATCH_POLICIES = ['Equivalent', 'Exact'];
export const FAILURE_POLICIES = ['Fail', 'Ignore'];
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const MUTATING_OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];

export function defaultRules(rules: readonly Rule[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*';
}

export function defaultMatchResources(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  defaultRules(match.resourceRules);
  defaultRules(match.excludeResourceRules);
}

export function checkRule(rule: RuleWithOperations, path: string, faults: FieldFaults): void {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  checkWildcard(operations, 'operations', `${path}.operations`, faults);
  operations.forEach((operation, index) => {
    if (!OPERATIONS.includes(operation)) faults.notSupported(`${path}.operations[${index}]`, operation, OPERATIONS);
  });
  checkWildcard(apiGroups, 'API groups', `${path}.apiGroups`, faults);
  checkWildcard(apiVersions, 'API versions', `${path}.apiVersions`, faults);
  apiVersions.forEach((version, index) => {
    if (!version) faults.required(`${path}.apiVersions[${index}]`);
  });
  checkResources(resources, `${path}.resources`, faults);
  faults.optionalOneOf(`${path}.scope`, scope, SCOPES);
}

function checkWildcard(values: readonly string[], what: string, path: string, faults: FieldFaults): void {
  if (values.length === 0) faults.required(path);
  if (values.length > 1 && values.includes('*'))
    faults.invalid(path, values, `if '*' is present, must not specify other ${what}`);
}

function checkResources(resources: readonly string[], path: string, faults: FieldFaults): void {
  if (resources.length === 0) faults.required(path);
  const allSubresourcesOf = new Set<string>();
  const ofAllResources = new Set<string>();
  // What upstream knows at the end is whether the last name without a subresource was the wildcard.
  let endsWithPlainName = false;
  resources.forEach((name, index) => {
    const at = `${path}[${index}]`;
    if (!name) {
      faults.required(at);
      return;
    }
    const slash = name.indexOf('/');
    if (slash < 0) {
      endsWithPlainName = name !== '*';
      return;
    }
    const resource = name.slice(0, slash);
    const subresource = name.slice(slash + 1);
    if (allSubresourcesOf.has(resource))
      faults.invalid(at, name, `if '${resource}/*' is present, must not specify ${name}`);
    if (ofAllResources.has(subresource))
      faults.invalid(at, name, `if '*/${subresource}' is present, must not specify ${name}`);
    if (subresource === '*') allSubresourcesOf.add(resource);
    if (resource === '*') ofAllResources.add(subresource);
  });
  if (resources.length > 1 && resources.includes('*/*'))
    faults.invalid(path, resources, "if '*/*' is present, must not specify other resources");
  if (resources.includes('*') && endsWithPlainName) {
    const why = "if '*' is present, must not specify other resources without subresources";
    faults.invalid(path, resources, why);
  }
}

function checkNamedRule(rule: NamedRuleWithOperations, path: string, faults: FieldFaults): void {
  const names = rule.resourceNames ?? [];
  names.forEach((name, index) => {
    const at = `${path}.resourceNames[${index}]`;
    faults.invalidFor(at, name, pathSegmentFaults(name));
    if (names.indexOf(name) < index) faults.duplicate(at, name);
  });
  checkRule(rule, path, faults);
}

/** What a policy or binding looks at. */
export function checkMatchResources(match: MatchResources, path: string, faults: FieldFaults): void {
  if (match.matchPolicy === undefined) faults.required(`${path}.matchPolicy`);
  faults.optionalOneOf(`${path}.matchPolicy`, match.matchPolicy, MATCH_POLICIES);
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    if (match[field] === undefined) faults.required(`${path}.${field}`);
    checkLabelSelector(match[field], `${path}.${field}`, faults);
  }
  for (const field of ['resourceRules', 'excludeResourceRules'] as const)
    match[field]?.forEach((rule, index) => {
      checkNamedRule(rule, `${path}.${field}[${index}]`, faults);
    });
}

/** What mutates cannot be asked about deletions. */
export function checkMutatingOperations(match: MatchResources, path: string, faults: FieldFaults): void {
  for (const { operations } of match.resourceRules ?? [])
    for (const operation of operations ?? [])
      faults.optionalOneOf(`${path}.resourceRules.operations`, operation, MUTATING_OPERATIONS);
}
