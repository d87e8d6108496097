import type { PolicyRule, RoleRef, Subject } from '../../generated/api/rbac/v1.ts';
import { pathSegmentFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from '../checks/field-faults.ts';
import { toGoView } from '../checks/go-view.ts';
import { objectNameFaults } from '../checks/names.ts';
import type { Cells } from '../columns.ts';

/** Source of all: rbac/validation; pkg/apis/rbac/v1/defaults.go; printers. */

export const RBAC = 'rbac.authorization.k8s.io';

interface Scope {
  readonly isNamespaced: boolean;
}

export function checkRules(rules: readonly PolicyRule[] | undefined, scope: Scope, faults: FieldFaults): void {
  rules?.forEach((rule, index) => {
    checkRule(rule, scope, `rules[${index}]`, faults);
  });
}

/** @param path - Of the rule. */
export function checkRule(rule: PolicyRule, { isNamespaced }: Scope, path: string, faults: FieldFaults): void {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (verbs.length === 0) faults.required(`${path}.verbs`, 'verbs must contain at least one value');
  const at = `${path}.nonResourceURLs`;
  if (nonResourceURLs.length > 0) {
    if (isNamespaced) faults.invalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      const why = 'rules cannot apply to both regular resources and non-resource URLs';
      faults.invalid(at, nonResourceURLs, why);
    }
    return;
  }
  if (apiGroups.length === 0) faults.required(`${path}.apiGroups`, 'resource rules must supply at least one api group');
  if (resources.length === 0) faults.required(`${path}.resources`, 'resource rules must supply at least one resource');
}

interface Binding {
  readonly roleRef?: RoleRef | undefined;
  readonly subjects?: readonly Subject[] | undefined;
}

export function checkBinding({ roleRef, subjects }: Binding, scope: Scope, faults: FieldFaults): void {
  const { apiGroup = '', kind = '', name = '' } = roleRef ?? {};
  faults.optionalOneOf('roleRef.apiGroup', apiGroup, [RBAC]);
  faults.optionalOneOf('roleRef.kind', kind, scope.isNamespaced ? ['Role', 'ClusterRole'] : ['ClusterRole']);
  if (name === '') faults.required('roleRef.name');
  else faults.invalidFor('roleRef.name', name, pathSegmentFaults(name));
  subjects?.forEach((subject, index) => {
    checkSubject(subject, scope, `subjects[${index}]`, faults);
  });
}

function checkSubject(subject: Subject, { isNamespaced }: Scope, path: string, faults: FieldFaults): void {
  const { kind = '', name = '', apiGroup = '', namespace = '' } = subject;
  if (name === '') faults.required(`${path}.name`);
  if (kind === 'ServiceAccount') {
    if (name !== '') faults.invalidFor(`${path}.name`, name, objectNameFaults(name));
    if (apiGroup !== '') faults.notSupported(`${path}.apiGroup`, apiGroup, ['']);
    if (!isNamespaced && namespace === '') faults.required(`${path}.namespace`);
  } else if (kind === 'User' || kind === 'Group') faults.optionalOneOf(`${path}.apiGroup`, apiGroup, [RBAC]);
  else faults.notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']);
}

export function checkRoleRefKept(next: Binding, previous: Binding, faults: FieldFaults): void {
  const { roleRef: after } = next;
  const { roleRef: before } = previous;
  if (after?.apiGroup === before?.apiGroup && after?.kind === before?.kind && after?.name === before?.name) return;
  faults.invalid('roleRef', toGoView(after, 'rbac/v1.RoleRef'), 'cannot change roleRef');
}

export function defaultBinding(binding: { roleRef?: RoleRef | undefined; subjects?: Subject[] | undefined }): void {
  binding.roleRef ??= {} as RoleRef;
  if (!binding.roleRef.apiGroup) binding.roleRef.apiGroup = RBAC;
  for (const subject of binding.subjects ?? [])
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = RBAC;
}

/** Source: pkg/apis/rbac/helpers.go (SubjectsStrings). */
export const bindingCells: Cells<Binding> = {
  Role: ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`,
  Users: (binding) => subjectsText(binding, 'User'),
  Groups: (binding) => subjectsText(binding, 'Group'),
  ServiceAccounts: (binding) => subjectsText(binding, 'ServiceAccount'),
};

function subjectsText({ subjects = [] }: Binding, wanted: string): string {
  return subjects
    .filter(({ kind }) => kind === wanted)
    .map(({ name, namespace }) => {
      if (wanted !== 'ServiceAccount') return name ?? '';
      return namespace ? `${namespace}/${name}` : `/${name}`;
    })
    .join(', ');
}
