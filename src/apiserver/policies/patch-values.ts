import { formatDurationSeconds, formatTimestamp } from '../../machinery/cel/functions/times.ts';
import {
  CelMap,
  type CelObject,
  type CelValue,
  DurationValue,
  isList,
  isObject,
  TimestampValue,
  UintValue,
} from '../../machinery/cel/values.ts';
import { setOwnField } from '../../machinery/values/own-field.ts';

/**
 * The JSON that an expression wrote. Source: apiserver `pkg/cel/mutation/dynamic/objects.go`, cel-go's conversions to
 * `structpb.Value`.
 * @throws Error for what JSON cannot hold
 */
export function toJson(value: CelValue): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
    return value;
  }
  if (typeof value === 'bigint') return toNumber(value);
  if (value instanceof UintValue) return toNumber(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof TimestampValue) return formatTimestamp(value);
  if (value instanceof DurationValue) return formatDurationSeconds(value.nanos);
  if (isList(value)) return value.map(toJson);
  if (value instanceof CelMap) return toFields(value.keys(), (key) => value.find(key));
  if (isObject(value)) return toFields(value.names(), (name) => value.find(name as string));
  throw new Error('unsupported type conversion to a JSON value');
}

function toNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function toFields(keys: readonly CelValue[], find: (key: CelValue) => CelValue | undefined): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const key of keys) {
    if (typeof key !== 'string') throw new Error(`map key "${String(key)}" is not string`);
    setOwnField(fields, key, toJson(find(key) ?? null));
  }
  return fields;
}

/**
 * The names of types in an object that do not say where in it they stand: `Object.spec` belongs into the field `spec` of
 * `Object`, also through lists and maps. Source: `dynamic/objects.go` (CheckTypeNamesMatchFieldPathNames).
 * @throws Error with all of them
 */
export function checkTypeNames(object: CelObject): void {
  const faults = misnamed(object, object.typeName);
  if (faults.length > 0) throw new Error(`type mismatch: ${faults.join('\n')}`);
}

function misnamed(value: CelValue, path: string): readonly string[] {
  if (value === null || typeof value !== 'object') return [];
  if (isList(value)) return value.flatMap((item) => misnamed(item, path));
  if (value instanceof CelMap) return value.keys().flatMap((key) => misnamed(value.find(key) ?? null, path));
  if (!isObject(value) || !value.typeName.startsWith('Object')) return [];
  const { typeName } = value;
  const own =
    typeName === path
      ? []
      : [
          `unexpected type name ${JSON.stringify(typeName)}, expected ${JSON.stringify(path)}, which matches field name path from root Object type`,
        ];
  return [...own, ...value.names().flatMap((name) => misnamed(value.find(name) ?? null, `${path}.${name}`))];
}
