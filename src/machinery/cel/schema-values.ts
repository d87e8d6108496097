import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { parseFormatDuration } from '../schema/formats.ts';
import { isDeepEqual, isFields, ownOf } from '../schema/json-values.ts';
import { schemaOf } from '../schema/read-schema.ts';
import { isEqual } from './compare.ts';
import { escapeField, unescapeField } from './field-names.ts';
import { parseTimestamp } from './functions/times.ts';
import { withTypeAndName } from './schema-types.ts';
import { CelError, type CelObject, type CelValue, DurationValue, type OpaqueValue } from './values.ts';

/**
 * JSON as expressions see it, by its schema. Objects and maps are looked into when they are asked.
 *
 * Source: apiserver `pkg/cel/common/valuesunstructured.go` (UnstructuredToVal).
 *
 * @throws CelError for values that do not fit the schema.
 */
export function toCelValue(value: unknown, schema: JSONSchemaProps): CelValue {
  if (value === null || value === undefined) {
    if (schema.nullable === true) return null;
    throw new CelError('invalid data, got null for schema with nullable=false');
  }
  if (schema['x-kubernetes-int-or-string']) {
    if (typeof value === 'string') return value;
    if (Number.isSafeInteger(value)) return BigInt(value as number);
    throw new CelError('invalid data, expected XIntOrString value to be either a string or integer');
  }
  switch (schema.type) {
    case 'object':
      if (!isFields(value)) throw new CelError('invalid data, expected a map for the provided schema with type=object');
      return new SchemaObject(value, schema['x-kubernetes-embedded-resource'] ? withTypeAndName(schema) : schema);
    case 'array':
      return toList(value, schema);
    case 'string':
      if (typeof value !== 'string') throw new CelError(`invalid data, expected string, got ${goType(value)}`);
      return toText(value, schema.format);
    case 'number':
      if (typeof value !== 'number') throw new CelError(`invalid data, expected float, got ${goType(value)}`);
      return value;
    case 'integer':
      if (typeof value !== 'number' || !Number.isInteger(value)) {
        throw new CelError(`invalid data, expected int, got ${goType(value)}`);
      }
      return toInt(value);
    case 'boolean':
      if (typeof value !== 'boolean') throw new CelError(`invalid data, expected bool, got ${goType(value)}`);
      return value;
    default:
      if (schema['x-kubernetes-preserve-unknown-fields']) return new UnknownValue(value);
      break;
  }
  const what =
    'expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true';
  throw new CelError(`invalid type, ${what}, got ${schema.type ?? ''}`);
}

/** The greatest integers are no exact numbers of ours: what lies outside stands for the nearest one inside. */
function toInt(value: number): bigint {
  const [least, greatest] = [-(2n ** 63n), 2n ** 63n - 1n];
  const exact = BigInt(value);
  return exact > greatest ? greatest : exact < least ? least : exact;
}

/** A value of which no schema says anything: it can only be compared. */
class UnknownValue implements OpaqueValue {
  readonly opaqueType = 'dyn';
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof UnknownValue && isDeepEqual(this.#value, other.#value);
  }
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'bigint') return 'int64';
  return typeof value === 'object' ? 'map[string]interface {}' : 'string';
}

function toText(text: string, format: string | undefined): CelValue {
  switch (format) {
    case 'duration': {
      const nanos = parseFormatDuration(text);
      if (nanos === undefined) throw new CelError(`Invalid duration ${text}: unable to parse ${text} as duration`);
      return new DurationValue(nanos);
    }
    case 'date':
    case 'date-time': {
      const time = parseTimestamp(format === 'date' ? `${text}T00:00:00Z` : text) ?? parseTimestamp(`${text}Z`);
      if (time === undefined) throw new CelError(`Invalid ${format} formatted string ${text}: cannot parse`);
      return time;
    }
    case 'byte':
      return Buffer.from(text, 'base64');
    default:
      return text;
  }
}

function toList(value: unknown, schema: JSONSchemaProps): CelValue {
  if (!Array.isArray(value))
    throw new CelError('invalid data, expected an array for the provided schema with type=array');
  const items = schemaOf(schema.items);
  if (items === undefined) throw new CelError('invalid array type, expected Items with a non-empty Schema');
  const list = (value as readonly unknown[]).map((item) => toCelValue(item, items));
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return new KeyedList(list, (item) => item);
    case 'map': {
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      return new KeyedList(list, (item) =>
        keys.map((key) => (item as CelObject).find(escapeField(key) ?? key) ?? null),
      );
    }
    default:
      return list;
  }
}

/** A list whose items have keys (or are their own): order does not matter, and `+` replaces items with the same key. */
export class KeyedList extends Array<CelValue> {
  readonly #keyOf: (item: CelValue) => CelValue;

  constructor(items: readonly CelValue[], keyOf: (item: CelValue) => CelValue) {
    super();
    for (const item of items) this.push(item);
    this.#keyOf = keyOf;
  }

  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  equalsList(other: readonly CelValue[]): boolean {
    if (other.length !== this.length) return false;
    const own = [...this].map((item) => ({ item, key: this.#keyOf(item) }));
    return other.every((item) => {
      const found = own.find(({ key }) => isEqual(key, this.#keyOf(item)));
      return found !== undefined && isEqual(found.item, item);
    });
  }

  joinedWith(other: readonly CelValue[]): KeyedList {
    const items: CelValue[] = [...this];
    const keys = items.map((item) => this.#keyOf(item));
    for (const item of other) {
      const key = this.#keyOf(item);
      const at = keys.findIndex((known) => isEqual(known, key));
      if (at >= 0) items[at] = item;
      else {
        items.push(item);
        keys.push(key);
      }
    }
    return new KeyedList(items, this.#keyOf);
  }
}

/** An object with properties, whose fields are known by their escaped names, or a map. */
class SchemaObject implements CelObject {
  readonly celObject = true;
  readonly typeName = 'map';
  readonly source: Readonly<Record<string, unknown>>;
  readonly #schema: JSONSchemaProps;
  readonly #known = new Map<string, CelValue>();

  constructor(source: Readonly<Record<string, unknown>>, schema: JSONSchemaProps) {
    this.source = source;
    this.#schema = schema;
  }

  get #hasFields(): boolean {
    return Object.keys(this.#schema.properties ?? {}).length > 0;
  }

  #schemaOf(key: string): JSONSchemaProps | undefined {
    return this.#hasFields ? ownOf(this.#schema.properties, key) : schemaOf(this.#schema.additionalProperties);
  }

  get size(): number {
    return Object.keys(this.source).length;
  }

  names(): readonly string[] {
    const keys = Object.keys(this.source).filter((key) => this.#schemaOf(key) !== undefined);
    return this.#hasFields ? keys.map((key) => escapeField(key) ?? key) : keys;
  }

  find(name: string): CelValue | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const key = this.#hasFields ? unescapeField(name) : name;
    const value = key === undefined ? undefined : ownOf(this.source, key);
    // A field that is null counts as absent.
    if (key === undefined || value === undefined || (value === null && this.#hasFields)) return undefined;
    const schema = this.#schemaOf(key);
    if (schema === undefined) return undefined;
    const converted = toCelValue(value, schema);
    this.#known.set(name, converted);
    return converted;
  }

  /** What expressions cannot see is compared as it is. */
  equalsObject(other: CelObject): boolean {
    if (!isFields(other.source)) return false;
    const keys = Object.keys(this.source);
    if (keys.length !== Object.keys(other.source).length) return false;
    return keys.every((key) => {
      if (this.#schemaOf(key) === undefined) {
        const [own, theirs] = [this.source[key], (other.source as Record<string, unknown>)[key]];
        return theirs === undefined || JSON.stringify(own) === JSON.stringify(theirs);
      }
      const name = this.#hasFields ? (escapeField(key) ?? key) : key;
      const [own, theirs] = [this.find(name), other.find(name)];
      if (own === undefined || theirs === undefined) return own === theirs;
      return isEqual(own, theirs);
    });
  }
}
