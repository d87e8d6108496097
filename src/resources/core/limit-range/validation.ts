import type { LimitRange, LimitRangeItem } from '../../../generated/api/core/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { qualifiedNameFaults } from '../../../machinery/values/names.ts';
import { ownField } from '../../../machinery/values/own-field.ts';
import { parseQuantity, type Quantity } from '../../../machinery/values/quantity.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { allowsOvercommit, checkContainerResourceName, checkResourceName } from '../../checks/resource-names.ts';

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];

/** Source: core/validation (ValidateLimitRange). */
export function validateLimitRange({ spec }: LimitRange): readonly FieldError[] {
  const faults = new FieldFaults();
  const seen = new Set<string>();
  spec?.limits?.forEach((item, index) => {
    const at = `spec.limits[${index}]`;
    checkType(item.type ?? '', `${at}.type`, faults);
    if (seen.has(item.type)) faults.duplicate(`${at}.type`, item.type);
    seen.add(item.type);
    checkItem(item, at, faults);
  });
  return faults.list;
}

function checkType(type: string, path: string, faults: FieldFaults): void {
  const problems = qualifiedNameFaults(type);
  faults.invalidFor(path, type, problems);
  if (problems.length === 0 && !type.includes('/') && !TYPES.includes(type))
    faults.invalid(path, type, 'must be a standard limit type or fully qualified');
}

const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
type List = (typeof LISTS)[number];

function checkItem(item: LimitRangeItem, path: string, faults: FieldFaults): void {
  const checkName = item.type === 'Pod' || item.type === 'Container' ? checkContainerResourceName : checkResourceName;
  const names = new Set<string>();
  for (const list of LISTS) {
    const isDefault = list === 'default' || list === 'defaultRequest';
    if (item.type === 'Pod' && isDefault) {
      if (Object.keys(item[list] ?? {}).length > 0)
        faults.forbidden(`${path}.${list}`, "may not be specified when `type` is 'Pod'");
      continue;
    }
    if (list === 'maxLimitRequestRatio') checkStorage(item, path, faults);
    for (const name in item[list]) {
      checkName(name, `${path}.${list}[${name}]`, faults);
      names.add(name);
    }
  }
  for (const name of names) checkAmounts(name, item, path, faults);
}

function checkStorage({ type, min, max }: LimitRangeItem, path: string, faults: FieldFaults): void {
  if (type !== 'PersistentVolumeClaim' || min?.['storage'] !== undefined || max?.['storage'] !== undefined) return;
  faults.required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided');
}

/** How the amounts of one resource must lie to each other. */
function checkAmounts(name: string, item: LimitRangeItem, path: string, faults: FieldFaults): void {
  const of = (list: List): Quantity | undefined => {
    const text = item.type === 'Pod' && list.startsWith('default') ? undefined : ownField(item[list], name);
    return text === undefined ? undefined : parseQuantity(text);
  };
  const [max, min, limit, request, ratio] = LISTS.map(of);
  const compare = (low: Quantity | undefined, high: Quantity | undefined): boolean =>
    low !== undefined && high !== undefined && low.compare(high) > 0;
  const refuse = (list: List, shown: Quantity | undefined, why: string): void =>
    faults.invalid(`${path}.${list}[${name}]`, shown?.toString(), why);
  if (compare(min, max)) refuse('min', min, `min value ${min} is greater than max value ${max}`);
  if (compare(min, request))
    refuse('defaultRequest', request, `min value ${min} is greater than default request value ${request}`);
  if (compare(request, max))
    refuse('defaultRequest', request, `default request value ${request} is greater than max value ${max}`);
  if (compare(request, limit))
    refuse('defaultRequest', request, `default request value ${request} is greater than default limit value ${limit}`);
  if (compare(min, limit)) refuse('default', min, `min value ${min} is greater than default value ${limit}`);
  if (compare(limit, max)) refuse('default', max, `default value ${limit} is greater than max value ${max}`);
  if (ratio !== undefined) checkRatio(ratio, min, max, refuse);
  if (!allowsOvercommit(name) && limit !== undefined && request !== undefined && limit.compare(request) !== 0) {
    const why = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
    refuse('defaultRequest', request, why);
  }
}

function checkRatio(
  ratio: Quantity,
  min: Quantity | undefined,
  max: Quantity | undefined,
  refuse: (list: List, shown: Quantity, why: string) => void,
): void {
  if (ratio.compare(parseQuantity('1')) < 0) refuse('maxLimitRequestRatio', ratio, `ratio ${ratio} is less than 1`);
  if (min === undefined || max === undefined) return;
  const most = max.toMillis() / min.toMillis();
  if (ratio.toMillis() / 1000 > most)
    refuse('maxLimitRequestRatio', ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`);
}
