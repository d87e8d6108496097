import type {
  Affinity,
  NodeAffinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodAntiAffinity,
} from '../../../generated/api/core/v1.ts';
import type { LabelSelector } from '../../../generated/api/meta/v1.ts';
import { dns1123LabelFaults, labelValueFaults } from '../../../machinery/values/names.ts';
import type { FieldFaults } from '../../checks/field-faults.ts';
import { checkLabelName, checkLabelSelector } from '../../checks/labels.ts';
import { objectNameFaults } from '../../checks/names.ts';

/** Source of all: core/validation (validateAffinity). */

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

export function checkAffinity(affinity: Affinity | undefined, path: string, faults: FieldFaults): void {
  if (!affinity) return;
  if (affinity.nodeAffinity) checkNodeAffinity(affinity.nodeAffinity, `${path}.nodeAffinity`, faults);
  if (affinity.podAffinity) checkPodAffinity(affinity.podAffinity, `${path}.podAffinity`, faults);
  if (affinity.podAntiAffinity) checkPodAffinity(affinity.podAntiAffinity, `${path}.podAntiAffinity`, faults);
}

function checkNodeAffinity(affinity: NodeAffinity, path: string, faults: FieldFaults): void {
  const wanted = affinity[REQUIRED];
  if (wanted) checkNodeSelector(wanted, `${path}.${REQUIRED}`, faults);
  affinity[PREFERRED]?.forEach(({ weight = 0, preference }, index) => {
    const at = `${path}.${PREFERRED}[${index}]`;
    checkWeight(weight, at, faults);
    checkTerm(preference ?? {}, `${at}.preference`, faults, { toleratesInvalidValues: true });
  });
}

function checkWeight(weight: number, path: string, faults: FieldFaults): void {
  if (weight <= 0 || weight > 100) faults.invalid(`${path}.weight`, weight, 'must be in the range 1-100');
}

export function checkNodeSelector(
  { nodeSelectorTerms = [] }: NodeSelector,
  path: string,
  faults: FieldFaults,
  options: { readonly toleratesInvalidValues?: boolean } = {},
): void {
  const at = `${path}.nodeSelectorTerms`;
  if (nodeSelectorTerms.length === 0) return faults.required(at, 'must have at least one node selector term');
  nodeSelectorTerms.forEach((term, index) => {
    checkTerm(term, `${at}[${index}]`, faults, options);
  });
}

function checkTerm(
  { matchExpressions, matchFields }: NodeSelectorTerm,
  path: string,
  faults: FieldFaults,
  options: { readonly toleratesInvalidValues?: boolean },
): void {
  matchExpressions?.forEach((requirement, index) => {
    checkRequirement(requirement, `${path}.matchExpressions[${index}]`, faults, options);
  });
  matchFields?.forEach((requirement, index) => {
    checkFieldRequirement(requirement, `${path}.matchFields[${index}]`, faults);
  });
}

function checkRequirement(
  { key = '', operator, values = [] }: NodeSelectorRequirement,
  path: string,
  faults: FieldFaults,
  options: { readonly toleratesInvalidValues?: boolean },
): void {
  const at = `${path}.values`;
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) faults.required(at, "must be specified when `operator` is 'In' or 'NotIn'");
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) faults.forbidden(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) faults.required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'");
      break;
    default:
      faults.invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator');
  }
  checkLabelName(key, `${path}.key`, faults);
  if (options.toleratesInvalidValues) return;
  values.forEach((value, index) => {
    faults.invalidFor(`${at}[${index}]`, value, labelValueFaults(value));
  });
}

function checkFieldRequirement(
  { key = '', operator, values = [] }: NodeSelectorRequirement,
  path: string,
  faults: FieldFaults,
): void {
  if (operator !== 'In' && operator !== 'NotIn')
    faults.invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator');
  else if (values.length !== 1) {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    faults.required(`${path}.values`, why);
  }
  if (key !== 'metadata.name') faults.invalid(`${path}.key`, key, 'not a valid field selector key');
  else
    values.forEach((value, index) => {
      faults.invalidFor(`${path}.values[${index}]`, value, objectNameFaults(value));
    });
}

function checkPodAffinity(affinity: PodAntiAffinity, path: string, faults: FieldFaults): void {
  affinity[REQUIRED]?.forEach((term, index) => {
    checkPodTerm(term, `${path}.${REQUIRED}[${index}]`, faults);
  });
  affinity[PREFERRED]?.forEach(({ weight = 0, podAffinityTerm }, index) => {
    const at = `${path}.${PREFERRED}[${index}]`;
    checkWeight(weight, at, faults);
    checkPodTerm(podAffinityTerm ?? { topologyKey: '' }, `${at}.podAffinityTerm`, faults);
  });
}

function checkPodTerm(term: PodAffinityTerm, path: string, faults: FieldFaults): void {
  checkLabelSelector(term.labelSelector, `${path}.labelSelector`, faults);
  checkLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`, faults);
  for (const name of term.namespaces ?? []) faults.invalidFor(`${path}.namespace`, name, dns1123LabelFaults(name));
  checkMatchLabelKeys(path, term.matchLabelKeys, term.mismatchLabelKeys, term.labelSelector, faults);
  if (!term.topologyKey) faults.required(`${path}.topologyKey`, 'can not be empty');
  checkLabelName(term.topologyKey ?? '', `${path}.topologyKey`, faults);
}

/**
 * Keys whose values are taken from the pod's own labels. By now the server has merged them into the selector.
 *
 * Source: core/validation (ValidateMatchLabelKeysAndMismatchLabelKeys).
 */
export function checkMatchLabelKeys(
  path: string,
  match: readonly string[] | undefined,
  mismatch: readonly string[] | undefined,
  selector: LabelSelector | undefined,
  faults: FieldFaults,
): void {
  checkKeys(match, selector, `${path}.matchLabelKeys`, faults);
  checkKeys(mismatch, selector, `${path}.mismatchLabelKeys`, faults);
  if (selector) {
    const known = new Set(Object.keys(selector.matchLabels ?? {}));
    for (const { key } of selector.matchExpressions ?? []) {
      const index = match?.lastIndexOf(key) ?? -1;
      if (index >= 0 && known.has(key))
        faults.invalid(`${path}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector');
      known.add(key);
    }
  }
  match?.forEach((key, index) => {
    if (mismatch?.includes(key))
      faults.invalid(`${path}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys');
  });
}

function checkKeys(
  keys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
  path: string,
  faults: FieldFaults,
): void {
  if (!keys || keys.length === 0) return;
  if (!selector) return faults.forbidden(path, 'must not be specified when labelSelector is not set');
  keys.forEach((key, index) => {
    checkLabelName(key, `${path}[${index}]`, faults);
  });
}
