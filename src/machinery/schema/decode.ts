import { NumberText, withoutNumberTexts } from '../codecs/json/exact-numbers.ts';
import { fieldInvalid } from '../errors/field-error.ts';
import { badRequest } from '../errors/status-error.ts';
import type { AnyObject } from '../object/object.ts';
import { setOwnField } from '../values/own-field.ts';
import { decodeScalar } from './decode-scalar.ts';
import { emptyOf } from './empty-value.ts';
import { inKeyOrder } from './key-order.ts';
import { HIDDEN, KEY, mismatch, TypeMismatchError, toJsonPath, type ValuePlace } from './type-mismatch.ts';
import type { FieldSchema, ListShape, MapShape, ObjectShape, TypeSchema } from './type-schema.ts';

export interface DecodeOptions {
  /** What becomes of fields that the schema does not know. They are reported either way. */
  readonly unknownFields: 'drop' | 'keep';
}

export interface Decoded {
  readonly object: AnyObject;
  /** Paths of unknown fields, such as `spec.containers[0].foo`. */
  readonly unknown: readonly string[];
}

interface Context extends ValuePlace {
  readonly keep: boolean;
  readonly unknown: string[];
  holder: string;
  goType: string | undefined;
  /** Set while a value that does not fit is read once more, in the order of its text, for the fault that Go tells. */
  faults: TypeMismatchError[] | undefined;
}

/**
 * Checks a JSON value against a type as Go's decoder does: wrong types are refused, nulls are dropped, quantities, times
 * and durations become canonical, and fields come out in the order of the schema.
 *
 * @throws StatusError 400 with upstream's sentence, for the first value of a wrong type.
 */
export function decodeObject(value: unknown, shape: ObjectShape, options: DecodeOptions): Decoded {
  const custom = shape.typeName === undefined;
  const context: Context = {
    keep: options.unknownFields === 'keep',
    unknown: [],
    custom,
    holder: '',
    goType: undefined,
    faults: undefined,
  };
  try {
    const object = decodeStruct(value, shape, '', context) as AnyObject;
    return { object, unknown: context.unknown.length > 1 ? asInDocument(context.unknown, value) : context.unknown };
  } catch (error) {
    if (!(error instanceof TypeMismatchError)) throw error;
    const fault = faultInOrder(value, shape, context) ?? error;
    const { kind, apiVersion } = (value ?? {}) as { kind?: unknown; apiVersion?: unknown };
    const version = String(apiVersion ?? '').replace(/^.*\//, '');
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${fault.message}`, {
      cause: fault,
    });
  }
}

/** The fault that Go's decoder tells, which goes through a value in the order of its text. */
function faultInOrder(value: unknown, shape: ObjectShape, context: Context): TypeMismatchError | undefined {
  const faults: TypeMismatchError[] = [];
  try {
    decodeStruct(value, shape, '', { ...context, faults });
  } catch (error) {
    if (!(error instanceof TypeMismatchError)) throw error;
    if (error.isFinal) return error;
    faults.push(error);
  }
  return faults[0];
}

/** Reads a part; where faults are collected, one that is not final does not keep the rest from being read. */
function decodePart(value: unknown, type: TypeSchema, path: string, context: Context): unknown {
  if (context.faults === undefined) return decodeValue(value, type, path, context);
  const { holder } = context;
  try {
    return decodeValue(value, type, path, context);
  } catch (error) {
    if (!(error instanceof TypeMismatchError) || error.isFinal) throw error;
    context.faults.push(error);
    context.holder = holder;
    return undefined;
  }
}

/** The fields of a struct that a value has: in the order of the schema, or of the value where faults are collected. */
function fieldsIn(
  value: Record<string, unknown>,
  { fields }: ObjectShape,
  { faults }: Context,
): Iterable<readonly [string, FieldSchema]> {
  if (faults === undefined) return fields;
  return Object.keys(value).flatMap((name) => {
    const field = fields.get(name);
    return field === undefined ? [] : [[name, field] as const];
  });
}

/** Paths in the order in which they stand in the text. */
function asInDocument(paths: readonly string[], document: unknown): readonly string[] {
  const wanted = new Set(paths);
  const found: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (wanted.has(path)) found.push(path);
    if (Array.isArray(value)) {
      for (const [index, inner] of value.entries()) walk(inner, `${path}[${index}]`);
    } else if (isRecord(value)) {
      for (const [name, inner] of Object.entries(value)) walk(inner, path === '' ? name : `${path}.${name}`);
    }
  };
  walk(document, '');
  return found.length === paths.length ? found : paths;
}

function decodeValue(value: unknown, type: TypeSchema, path: string, context: Context): unknown {
  switch (type.shape) {
    case 'object':
      return decodeStruct(value, type, path, context);
    case 'map':
      return decodeMap(value, type, path, context);
    case 'list':
      return decodeList(value, type, path, context);
    case 'scalar':
      return decodeScalar(value, type, path, context);
    case 'opaque':
      return type.holds === undefined ? withoutNumberTexts(value) : decodeHeld(value, type.holds, path, context);
    default:
      return type satisfies never;
  }
}

/** One of several types: what is no object stays as it is. */
function decodeHeld(value: unknown, shape: ObjectShape, path: string, context: Context): unknown {
  if (isRecord(value)) return decodeStruct(value, shape, path, context);
  if (!Array.isArray(value)) return value;
  return value.map((inner, index) =>
    isRecord(inner) ? decodeStruct(inner, shape, `${path}[${index}]`, context) : inner,
  );
}

function decodeStruct(value: unknown, shape: ObjectShape, path: string, context: Context): Record<string, unknown> {
  if (!isRecord(value)) throw mismatch(value, shape, path, context);
  if (shape.typeName === undefined) return decodeCustom(value, shape, path, context);
  const result: Record<string, unknown> = {};
  const outer = context.holder;
  const own = shape.typeName ?? '';
  let known = 0;
  for (const [name, field] of fieldsIn(value, shape, context)) {
    const inner = value[name];
    if (inner === undefined) continue;
    known++;
    if (inner === null && field.type.shape !== 'opaque') continue;
    context.holder = own;
    context.goType = field.goType;
    const shown = field.within === undefined ? name : `${HIDDEN}${field.within}${HIDDEN}${name}`;
    const decoded = decodePart(inner, field.type, path === '' ? shown : `${path}.${shown}`, context);
    if (decoded !== null || field.type.shape === 'opaque') result[name] = decoded;
  }
  context.holder = outer;
  const names = Object.keys(value);
  if (known === names.length) return result;
  for (const name of names) {
    if (shape.fields.has(name) || value[name] === undefined) continue;
    if (!shape.preservesUnknown) context.unknown.push(path === '' ? name : `${toJsonPath(path)}.${name}`);
    if (context.keep || shape.preservesUnknown) setOwnField(result, name, value[name]);
  }
  return result;
}

/**
 * A custom object: unknown fields go, everything else stays as it is. Its values are judged by validation, which names
 * all faults at once.
 */
function decodeCustom(
  value: Record<string, unknown>,
  shape: ObjectShape,
  path: string,
  context: Context,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const metadata = shape.fields.get('metadata')?.type;
  const isEmbedded = path !== '' && metadata?.shape === 'object' && metadata.typeName !== undefined;
  for (const [name, inner] of Object.entries(value)) {
    const field = shape.fields.get(name);
    const below = path === '' ? name : `${path}.${name}`;
    if (field === undefined) {
      if (!shape.preservesUnknown) context.unknown.push(below);
      if (context.keep || shape.preservesUnknown) setOwnField(result, name, toPlainNumbers(inner));
    } else if (isEmbedded && metaNames.has(name)) {
      result[name] = decodeEmbedded(name, inner, field.type, below, context);
    } else if (inner === null) {
      if (field.nullable || field.default === undefined) result[name] = inner;
    } else result[name] = decodeLeniently(inner, field.type, below, context);
  }
  return result;
}

const metaNames = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Type and metadata of an object inside of a custom one, which are the only values there that reading refuses.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/objectmeta/algorithm.go`.
 */
function decodeEmbedded(name: string, value: unknown, type: TypeSchema, path: string, context: Context): unknown {
  const refuse = (why: string): TypeMismatchError => {
    const fieldError = fieldInvalid(path, value, why);
    return new TypeMismatchError(`${fieldError}`, { isFinal: true, fieldError });
  };
  if (name !== 'metadata' || type.shape !== 'object') {
    if (typeof value !== 'string') throw refuse('must be a string');
    return value;
  }
  const unknown: string[] = [];
  const alone: Context = { ...context, unknown, custom: false, holder: '', goType: undefined, faults: undefined };
  try {
    const metadata = value === null ? {} : decodeStruct(value, type, '', alone);
    context.unknown.push(...unknown.map((stranger) => `${path}.${stranger}`));
    return metadata;
  } catch (error) {
    throw error instanceof TypeMismatchError ? refuse(error.message) : error;
  }
}

/**
 * A value of another type than its schema's. It stays, for validation to judge, without the fields that nothing describes.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/pruning/algorithm.go`.
 */
function decodeStray(value: unknown, path: string, context: Context): unknown {
  if (Array.isArray(value)) return value.map((inner, index) => decodeStray(inner, `${path}[${index}]`, context));
  if (!isRecord(value) || value instanceof NumberText) return toPlainNumbers(value);
  for (const name of Object.keys(value)) context.unknown.push(`${path}.${name}`);
  return context.keep ? toPlainNumbers(value) : {};
}

function decodeLeniently(value: unknown, type: TypeSchema, path: string, context: Context): unknown {
  switch (type.shape) {
    case 'object':
      if (!isRecord(value)) return type.preservesUnknown ? toPlainNumbers(value) : decodeStray(value, path, context);
      return type.typeName === undefined
        ? decodeCustom(value, type, path, context)
        : decodeStruct(value, type, path, context);
    case 'map':
      if (!isRecord(value)) return decodeStray(value, path, context);
      return Object.fromEntries(
        Object.entries(value).map(([name, inner]) => [
          name,
          decodeLeniently(inner, type.values, `${path}.${name}`, context),
        ]),
      );
    case 'list':
      if (!Array.isArray(value)) return decodeStray(value, path, context);
      return value.map((inner, index) => decodeLeniently(inner, type.items, `${path}[${index}]`, context));
    case 'scalar':
      return decodeStray(value, path, context);
    default:
      return toPlainNumbers(value);
  }
}

/** Numbers as Go holds them where no type is known: whole ones of 64 bits, all others as floating point. */
function toPlainNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? value : Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof NumberText)
    throw new TypeMismatchError(`json: cannot unmarshal number ${value.text} into Go value of type float64`);
  for (const [name, inner] of Object.entries(value)) {
    const plain = toPlainNumbers(inner);
    if (plain !== inner) (value as Record<string, unknown>)[name] = plain;
  }
  return value;
}

function decodeMap(
  value: unknown,
  { values, ...shape }: MapShape,
  path: string,
  context: Context,
): Record<string, unknown> {
  if (!isRecord(value)) throw mismatch(value, { values, ...shape }, path, context);
  const result: Record<string, unknown> = {};
  const inGo = /^map\[[^\]]*\](.*)$/.exec(context.goType ?? '')?.[1];
  for (const [name, inner] of Object.entries(value)) {
    context.goType = inGo;
    // Go names the field, not the key of the map that it is.
    const below = values.shape === 'object' ? `${path}${KEY}.${name}${KEY}` : path;
    setOwnField(result, name, inner === null ? emptyOf(values) : decodePart(inner, values, below, context));
  }
  return inKeyOrder(result);
}

function decodeList(value: unknown, shape: ListShape, path: string, context: Context): unknown[] {
  if (!Array.isArray(value)) throw mismatch(value, shape, path, context);
  const inGo = context.goType?.startsWith('[]') ? context.goType.slice(2) : undefined;
  return value.map((inner, index) => {
    context.goType = inGo;
    return inner === null ? emptyOf(shape.items) : decodePart(inner, shape.items, `${path}[${index}]`, context);
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText);
}
