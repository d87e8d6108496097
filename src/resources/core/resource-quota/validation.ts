import type { ResourceQuota, ResourceQuotaSpec } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkAmount, checkQuotaResourceName, isStandardQuotaResource } from '../../checks/resource-names.ts';

/** Source of all: core/validation (ValidateResourceQuota). */

export function validateQuota({ spec, status }: ResourceQuota): readonly FieldError[] {
  const faults = new FieldFaults();
  checkSpec(spec ?? {}, faults);
  checkAmounts(status?.hard, 'status.hard', faults);
  checkAmounts(status?.used, 'status.used', faults);
  return faults.list;
}

export function validateQuotaUpdate({ spec }: ResourceQuota, previous: ResourceQuota): readonly FieldError[] {
  const faults = new FieldFaults();
  checkSpec(spec ?? {}, faults);
  const after = new Set(spec?.scopes ?? []);
  const before = new Set(previous.spec?.scopes ?? []);
  if (after.symmetricDifference(before).size > 0)
    faults.invalid('spec.scopes', spec?.scopes ?? null, 'field is immutable');
  return faults.list;
}

export function validateQuotaStatus({ status }: ResourceQuota): readonly FieldError[] {
  const faults = new FieldFaults();
  checkAmounts(status?.hard, 'status.hard', faults);
  checkAmounts(status?.used, 'status.used', faults);
  return faults.list;
}

function checkAmounts(list: Readonly<Record<string, string>> | undefined, path: string, faults: FieldFaults): void {
  for (const name in list) {
    checkQuotaResourceName(name, `${path}[${name}]`, faults);
    checkAmount(name, list[name] ?? '0', `${path}[${name}]`, faults);
  }
}

function checkSpec(spec: ResourceQuotaSpec, faults: FieldFaults): void {
  checkAmounts(spec.hard, 'spec.hard', faults);
  const { scopes = [] } = spec;
  for (const scope of scopes) {
    if (!SCOPES.has(scope)) faults.invalid('spec.scopes', scopes, 'unsupported scope');
    for (const name of Object.keys(spec.hard ?? {}).sort())
      if (isStandardQuotaResource(name) && !applies(scope, name))
        faults.invalid('spec.scopes', scopes, 'unsupported scope applied to resource');
  }
  checkConflicts(scopes, scopes, 'spec.scopes', faults);
  checkSelector(spec, faults);
}

const POD_SCOPES = new Set([
  'Terminating',
  'NotTerminating',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
]);
const SCOPES = new Set([...POD_SCOPES, 'BestEffort', 'VolumeAttributesClass']);
const COMPUTE = new Set(['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']);

/** Source: pkg/apis/core/helper (IsResourceQuotaScopeValidForResource). */
function applies(scope: string, name: string): boolean {
  if (POD_SCOPES.has(scope)) return name === 'pods' || COMPUTE.has(name);
  if (scope === 'BestEffort') return name === 'pods';
  if (scope === 'VolumeAttributesClass') return name === 'persistentvolumeclaims' || name === 'requests.storage';
  return true;
}

function checkConflicts(scopes: readonly string[], shown: readonly string[], path: string, faults: FieldFaults): void {
  for (const [one, other] of [
    ['BestEffort', 'NotBestEffort'],
    ['Terminating', 'NotTerminating'],
  ] as const)
    if (scopes.includes(one) && scopes.includes(other)) faults.invalid(path, shown, 'conflicting scopes');
}

const EXISTS_ONLY = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
]);

function checkSelector(spec: ResourceQuotaSpec, faults: FieldFaults): void {
  const { scopeSelector } = spec;
  if (!scopeSelector) return;
  const path = 'spec.scopeSelector.matchExpressions';
  const scopes: string[] = [];
  for (const { scopeName = '', operator = '', values = [] } of scopeSelector.matchExpressions ?? []) {
    if (!SCOPES.has(scopeName)) faults.invalid(`${path}.scopeName`, scopeName, 'unsupported scope');
    for (const name of Object.keys(spec.hard ?? {}).sort())
      if (isStandardQuotaResource(name) && !applies(scopeName, name)) {
        const shown = toGoView(scopeSelector, 'core/v1.ScopeSelector');
        faults.invalid(path, shown, 'unsupported scope applied to resource');
      }
    if (EXISTS_ONLY.has(scopeName) && operator !== 'Exists') {
      const why =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      faults.invalid(`${path}.operator`, operator, why);
    }
    if (operator === 'In' || operator === 'NotIn') {
      const why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
      if (values.length === 0) faults.required(`${path}.values`, why);
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      if (values.length > 0) faults.invalid(`${path}.values`, values, why);
    } else faults.invalid(`${path}.operator`, operator, 'not a valid selector operator');
    scopes.push(scopeName);
  }
  checkConflicts(scopes, spec.scopes ?? [], path, faults);
}
