import { noSuchOverload } from './functions/function.ts';
import {
  CelError,
  CelMap,
  type CelValue,
  DurationValue,
  isList,
  isObject,
  isOpaque,
  OptionalValue,
  TimestampValue,
  TypeValue,
  typeNameOf,
  UintValue,
} from './values.ts';

/** A key as messages show it. */
export function keyText(key: CelValue): string {
  return key instanceof UintValue ? key.value.toString() : String(key);
}

/** How Go calls values that cannot be keys; undefined for those that can. Constants are still CEL's own. */
export function oddKey(key: CelValue, isConstant: boolean): string | undefined {
  if (key === null) return isConstant ? 'types.Null' : '<nil>';
  if (typeof key !== 'object' || key instanceof UintValue) return undefined;
  if (key instanceof OptionalValue) return '*types.Optional';
  if (key instanceof Uint8Array) return 'types.Bytes';
  if (key instanceof TimestampValue) return 'types.Timestamp';
  if (key instanceof DurationValue) return 'types.Duration';
  if (key instanceof TypeValue) return '*types.Type';
  if (isList(key)) return isConstant ? '*types.baseList' : '[]interface {}';
  if (isOpaque(key)) return `cel.${key.opaqueType.replace(/^.*\./, '')}`;
  return isConstant ? '*types.baseMap' : 'map[string]interface {}';
}

/** The field of an object or the entry of a map; through an optional it is optional too. @throws CelError */
export function selectFrom(value: CelValue, field: string): CelValue {
  if (value instanceof OptionalValue) return optionally(value, field);
  const found = findIn(value, field);
  if (found === undefined) throw new CelError(`no such key: ${field}`);
  return found;
}

/** Undefined where there is no such field, entry or item, or nothing that could have one. @throws CelError for odd keys */
export function findIn(value: CelValue, key: CelValue): CelValue | undefined {
  if (value instanceof CelMap) return value.find(key);
  if (typeof value === 'object' && value !== null && isObject(value)) {
    return typeof key === 'string' ? value.find(key) : undefined;
  }
  if (typeof value === 'object' && value !== null && isList(value)) return itemOf(value, key);
  return undefined;
}

function itemOf(list: readonly CelValue[], key: CelValue): CelValue | undefined {
  const at = toIndex(key);
  return at >= 0 && at < list.length ? list[at] : undefined;
}

function toIndex(key: CelValue): number {
  if (typeof key === 'bigint') return Number(key);
  if (typeof key === 'number' && Number.isInteger(key)) return key;
  if (key instanceof UintValue) return Number(key.value);
  if (typeof key === 'number') throw new CelError(`unsupported index value ${String(key)} in list`);
  throw new CelError(`unsupported index type '${typeNameOf(key)}' in list`);
}

export function isPresent(value: CelValue, field: string): boolean {
  if (value instanceof OptionalValue) return value.hasValue && isPresent(value.value, field);
  if (value === null || typeof value !== 'object' || isList(value)) return false;
  return findIn(value, field) !== undefined;
}

export function optionally(value: CelValue, key: CelValue): OptionalValue {
  if (value instanceof OptionalValue) return value.hasValue ? optionally(value.value, key) : OptionalValue.none;
  const found = findIn(value, key);
  return found === undefined ? OptionalValue.none : OptionalValue.of(found);
}

/** What a loop runs over: items, with their indexes where two variables ask for them, or keys and values. */
export function* iterate(range: CelValue, hasTwo: boolean): Generator<readonly [CelValue, CelValue]> {
  if (typeof range === 'object' && range !== null && isList(range)) {
    let at = 0n;
    for (const item of range) yield hasTwo ? [at++, item] : [item, null];
    return;
  }
  if (range instanceof CelMap) {
    for (const key of range.keys()) yield [key, range.find(key) ?? null];
    return;
  }
  if (typeof range === 'object' && range !== null && isObject(range)) {
    for (const name of range.names()) yield [name, range.find(name) ?? null];
    return;
  }
  throw noSuchOverload();
}
