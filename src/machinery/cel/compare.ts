import {
  CelError,
  CelMap,
  type CelObject,
  type CelValue,
  DurationValue,
  isList,
  isObject,
  isOpaque,
  OptionalValue,
  TimestampValue,
  TypeValue,
  UintValue,
} from './values.ts';

/** Lists that know what makes them equal, such as sets. */
type ListEquality = readonly CelValue[] & { equalsList?(other: readonly CelValue[]): boolean };

/** A number of any kind as one that can be compared with the others; undefined for anything else. */
function toNumeric(value: CelValue): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof UintValue ? value.value : undefined;
}

/** Whether two values are equal. Numbers of different kinds are compared by value, other kinds are never equal. */
export function isEqual(a: CelValue, b: CelValue): boolean {
  const [left, right] = [toNumeric(a), toNumeric(b)];
  // biome-ignore lint/suspicious/noDoubleEquals: the language compares bigint and number by value this way.
  if (left !== undefined && right !== undefined) return left == right;
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof TimestampValue) return b instanceof TimestampValue && a.nanos === b.nanos;
  if (a instanceof DurationValue) return b instanceof DurationValue && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.typeName === b.typeName;
  if (a instanceof OptionalValue) {
    if (!(b instanceof OptionalValue) || a.hasValue !== b.hasValue) return false;
    return !a.hasValue || isEqual(a.value, b.value);
  }
  if (isList(a) && isList(b)) {
    const own = a as ListEquality;
    if (own.equalsList !== undefined) return own.equalsList(b);
    const other = b as ListEquality;
    if (other.equalsList !== undefined) return other.equalsList(a);
  }
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, at) => isEqual(item, b[at] as CelValue));
  if (a instanceof CelMap) {
    if (b instanceof CelMap) return isSameMap(a, b);
    return isObject(b) && isSameFields(b, a);
  }
  if (isObject(a)) {
    if (b instanceof CelMap) return isSameFields(a, b);
    if (!isObject(b)) return false;
    const own = a as typeof a & { equalsObject?(other: CelObject): boolean };
    if (own.equalsObject !== undefined) return own.equalsObject(b);
    const names = a.names();
    if (names.length !== b.names().length) return false;
    return names.every((name) => {
      const [own, other] = [a.find(name), b.find(name)];
      return own !== undefined && other !== undefined && isEqual(own, other);
    });
  }
  return isOpaque(a) && isOpaque(b) && a.opaqueType === b.opaqueType && a.equals(b);
}

function isSameFields(object: CelObject, map: CelMap): boolean {
  const names = object.names();
  if (names.length !== map.size) return false;
  return names.every((name) => {
    const [own, other] = [object.find(name), map.find(name)];
    return own !== undefined && other !== undefined && isEqual(own, other);
  });
}

function isSameMap(a: CelMap, b: CelMap): boolean {
  if (a.size !== b.size) return false;
  return a.keys().every((key) => {
    const other = b.find(key);
    return other !== undefined && isEqual(a.find(key) as CelValue, other);
  });
}

/**
 * Orders two values: below 0, 0 or above 0. Undefined where their kinds have no order.
 * @throws CelError for NaN.
 */
export function compareValues(a: CelValue, b: CelValue): number | undefined {
  const [left, right] = [toNumeric(a), toNumeric(b)];
  if (left !== undefined && right !== undefined) {
    if (Number.isNaN(left) || Number.isNaN(right)) throw new CelError('NaN values cannot be ordered');
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if (a instanceof TimestampValue && b instanceof TimestampValue) return sign(a.nanos - b.nanos);
  if (a instanceof DurationValue && b instanceof DurationValue) return sign(a.nanos - b.nanos);
  return undefined;
}

function sign(value: bigint): number {
  return value < 0n ? -1 : value > 0n ? 1 : 0;
}

/** By bytes, as Go orders texts. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
