import type { ResourceAttributes } from '../../generated/api/authorization/v1.ts';
import type { FieldSelectorRequirement, LabelSelectorRequirement } from '../../generated/api/meta/v1.ts';
import { parseFieldSelector } from '../../machinery/values/field-selector.ts';
import { parseLabelSelector } from '../../machinery/values/label-selector.ts';
import { labelValueFaults, qualifiedNameFaults } from '../../machinery/values/names.ts';
import type { FieldFaults } from '../../resources/checks/field-faults.ts';

/** A selector in the form of a query, as far as it can be understood. */
export interface ReadSelector {
  readonly text?: string | undefined;
  /** What the answer says where a part, or all of it, is not understood: a review is then about more, never about less. */
  readonly fault?: string | undefined;
}

/** Source: `pkg/registry/authorization/util/helpers.go` (ResourceAttributesFrom, BuildEvaluationError). */
export function readFieldSelector({ fieldSelector }: ResourceAttributes): ReadSelector {
  if (fieldSelector === undefined) return {};
  const { rawSelector = '', requirements = [] } = fieldSelector;
  if (requirements.length === 0) return readRaw('fieldSelector', rawSelector, parseFieldSelector);
  return join('fieldSelector', requirements.length, requirements.map(fieldTerm));
}

export function readLabelSelector({ labelSelector }: ResourceAttributes): ReadSelector {
  if (labelSelector === undefined) return {};
  const { rawSelector = '', requirements = [] } = labelSelector;
  if (requirements.length === 0) return readRaw('labelSelector', rawSelector, parseLabelSelector);
  return join('labelSelector', requirements.length, requirements.map(labelTerm));
}

function readRaw(field: string, text: string, parse: (text: string) => unknown): ReadSelector {
  if (text === '') return {};
  try {
    parse(text);
    return { text };
  } catch {
    return { fault: faultText(field, { partially: false }) };
  }
}

function join(field: string, count: number, terms: readonly (string | undefined)[]): ReadSelector {
  const known = terms.filter((term) => term !== undefined);
  return {
    ...(known.length === 0 ? {} : { text: known.join(',') }),
    ...(known.length === count ? {} : { fault: faultText(field, { partially: known.length > 0 }) }),
  };
}

function faultText(field: string, { partially }: { readonly partially: boolean }): string {
  return `spec.resourceAttributes.${field} ${partially ? 'partially ' : ''}ignored due to parse error`;
}

function fieldTerm({ key, operator, values = [] }: FieldSelectorRequirement): string | undefined {
  const [value] = values;
  if (values.length !== 1 || value === undefined) return undefined;
  const escaped = value.replaceAll(/[\\,=]/g, (char) => `\\${char}`);
  if (operator === 'In') return `${key}=${escaped}`;
  return operator === 'NotIn' ? `${key}!=${escaped}` : undefined;
}

function labelTerm({ key, operator, values = [] }: LabelSelectorRequirement): string | undefined {
  if (qualifiedNameFaults(key).length > 0 || values.some((value) => labelValueFaults(value).length > 0))
    return undefined;
  const list = `(${[...values].sort().join(',')})`;
  switch (operator) {
    case 'In':
      return values.length === 0 ? undefined : `${key} in ${list}`;
    case 'NotIn':
      return values.length === 0 ? undefined : `${key} notin ${list}`;
    case 'Exists':
      return values.length > 0 ? undefined : key;
    case 'DoesNotExist':
      return values.length > 0 ? undefined : `!${key}`;
    default:
      return undefined;
  }
}

/** Source: `pkg/apis/authorization/validation`, which lets operators of newer clients pass. */
export function checkSelectors(attributes: ResourceAttributes, faults: FieldFaults): void {
  for (const field of ['fieldSelector', 'labelSelector'] as const) {
    const selector = attributes[field];
    if (selector === undefined) continue;
    const path = `spec.resourceAttributes.${field}`;
    const { rawSelector = '', requirements = [] } = selector;
    if (rawSelector !== '' && requirements.length > 0) {
      faults.invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements');
    }
    if (rawSelector === '' && requirements.length === 0) {
      faults.required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`);
    }
    for (const [index, requirement] of requirements.entries()) {
      const at = `${path}.requirements[${index}]`;
      if (field === 'fieldSelector' && !requirement.key) faults.required(`${at}.key`, 'must be specified');
      checkValues(requirement, at, faults);
      if (field === 'labelSelector') checkLabelRequirement(requirement, at, faults);
    }
  }
}

type Requirement = FieldSelectorRequirement | LabelSelectorRequirement;

function checkValues({ operator, values = [] }: Requirement, at: string, faults: FieldFaults): void {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
    faults.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    faults.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  }
}

function checkLabelRequirement({ key, values = [] }: Requirement, at: string, faults: FieldFaults): void {
  faults.invalidFor(`${at}.key`, key ?? '', qualifiedNameFaults(key ?? ''));
  for (const [index, value] of values.entries()) {
    faults.invalidFor(`${at}.values[${index}]`, value, labelValueFaults(value));
  }
}
