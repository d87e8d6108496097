/**
 * Values of CEL in JavaScript: booleans, `bigint` for int, {@link UintValue}, numbers for double, strings, `Uint8Array`,
 * null, arrays for lists, {@link CelMap}, {@link CelObject}, and instances for the rest.
 */
export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | UintValue
  | TimestampValue
  | DurationValue
  | TypeValue
  | OptionalValue
  | CelMap
  | CelObject
  | OpaqueValue
  | readonly CelValue[];

/** What evaluation ends with where it cannot go on; `&&` and `||` may absorb it. */
export class CelError extends Error {
  override readonly name = 'CelError';
}

/** Thrown when an evaluation costs more than it may; nothing absorbs it. */
export class CostLimitError extends Error {
  override readonly name = 'CostLimitError';
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

export class UintValue {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since the epoch. */
export class TimestampValue {
  readonly nanos: bigint;
  /** Of the zone that it was written in, from UTC. It shows where nothing names another zone. */
  readonly offsetMinutes: number;
  constructor(nanos: bigint, offsetMinutes = 0) {
    this.nanos = nanos;
    this.offsetMinutes = offsetMinutes;
  }
}

export class DurationValue {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A type as a value: what `type(x)` yields and what names of types stand for. */
export class TypeValue {
  readonly typeName: string;
  constructor(typeName: string) {
    this.typeName = typeName;
  }
}

export class OptionalValue {
  readonly #value: CelValue | undefined;

  private constructor(value: CelValue | undefined) {
    this.#value = value;
  }

  static readonly none = new OptionalValue(undefined);

  static of(value: CelValue): OptionalValue {
    return new OptionalValue(value);
  }

  get hasValue(): boolean {
    return this.#value !== undefined;
  }

  /** @throws CelError where there is none. */
  get value(): CelValue {
    if (this.#value === undefined) throw new CelError('optional.none() dereference');
    return this.#value;
  }
}

/** Keys of maps are booleans, numbers of all three kinds, and strings. Numbers that are equal are one key. */
export class CelMap {
  readonly #entries: ReadonlyMap<string, readonly [CelValue, CelValue]>;

  constructor(entries: Iterable<readonly [CelValue, CelValue]>) {
    const map = new Map<string, readonly [CelValue, CelValue]>();
    for (const entry of entries) {
      const id = keyId(entry[0]);
      if (id === undefined) throw new CelError(`unsupported key type: ${typeNameOf(entry[0])}`);
      map.set(id, entry);
    }
    this.#entries = map;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(key: CelValue): CelValue | undefined {
    const id = keyId(key);
    return id === undefined ? undefined : this.#entries.get(id)?.[1];
  }

  /** Whether an entry is there; `find` may know a value for keys that are not. */
  has(key: CelValue): boolean {
    const id = keyId(key);
    return id !== undefined && this.#entries.has(id);
  }

  keys(): readonly CelValue[] {
    return [...this.#entries.values()].map(([key]) => key);
  }
}

/** Names a key, the same for equal numbers of any kind; undefined for what can be no key. */
export function keyId(key: CelValue): string | undefined {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'bigint') return `n${key}`;
  if (key instanceof UintValue) return `n${key.value}`;
  if (typeof key === 'number') return Number.isInteger(key) ? `n${BigInt(key)}` : `d${key}`;
  return typeof key === 'boolean' ? `b${key}` : undefined;
}

/** An object with declared fields. */
export interface CelObject {
  readonly celObject: true;
  readonly typeName: string;
  /** The names of the fields that are set. */
  names(): readonly string[];
  /** Undefined where the field is not set. */
  find(name: string): CelValue | undefined;
  /** What the object was made of, for comparisons. */
  readonly source: unknown;
  /** How many fields it counts with, where that is not how many names it has. */
  readonly size?: number | undefined;
}

/** A value of a library's own type. */
export interface OpaqueValue {
  readonly opaqueType: string;
  equals(other: OpaqueValue): boolean;
}

export function isList(value: CelValue): value is readonly CelValue[] {
  return Array.isArray(value);
}

export function isObject(value: CelValue): value is CelObject {
  return typeof value === 'object' && value !== null && 'celObject' in value;
}

export function isOpaque(value: CelValue): value is OpaqueValue {
  return typeof value === 'object' && value !== null && 'opaqueType' in value;
}

/** The name of a value's type, as `type(x)` shows it. */
export function typeNameOf(value: CelValue): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    default:
      break;
  }
  if (value === null) return 'null_type';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof UintValue) return 'uint';
  if (value instanceof TimestampValue) return 'google.protobuf.Timestamp';
  if (value instanceof DurationValue) return 'google.protobuf.Duration';
  if (value instanceof TypeValue) return 'type';
  if (value instanceof OptionalValue) return 'optional_type';
  if (value instanceof CelMap) return 'map';
  if (isList(value)) return 'list';
  if (isObject(value)) return value.typeName;
  return isOpaque(value) ? value.opaqueType : 'dyn';
}
