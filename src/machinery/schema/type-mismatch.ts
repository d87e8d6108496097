import { NumberText } from '../codecs/json/exact-numbers.ts';
import type { FieldError } from '../errors/field-error.ts';
import type { TypeSchema } from './type-schema.ts';

/** A JSON value that does not fit its Go type; the message is Go's. */
export class TypeMismatchError extends Error {
  override readonly name = 'TypeMismatchError';
  /** Go's decoder gives up at once where a type reads itself; else it reads on and tells of the first fault at the end. */
  readonly isFinal: boolean;
  /** The same as a fault of validation, where reading by itself judges a field. */
  readonly fieldError: FieldError | undefined;

  constructor(
    message: string,
    options: ErrorOptions & { readonly isFinal?: boolean; readonly fieldError?: FieldError } = {},
  ) {
    super(message, options);
    this.isFinal = options.isFinal ?? false;
    this.fieldError = options.fieldError;
  }
}

/** Where a value stands, for the message about it. */
export interface ValuePlace {
  /** Type that holds the field that is being read. */
  readonly holder: string;
  /** Go's own name for the type that is being read, where it has one. */
  readonly goType: string | undefined;
  /** Upstream reads the metadata of custom objects by itself, so that messages leave its name out. */
  readonly custom: boolean;
}

/** The fault of a value of another type. */
export function mismatch(value: unknown, type: TypeSchema, path: string, at: ValuePlace): TypeMismatchError {
  return new TypeMismatchError(
    `json: cannot unmarshal ${jsonTypeOf(value)} into ${placeOf(path, at)} of type ${at.goType ?? goTypeOf(type)}`,
  );
}

/** As the fault of a type that reads itself. */
export function toFinal(fault: TypeMismatchError): TypeMismatchError {
  return new TypeMismatchError(fault.message, { isFinal: true });
}

/** Stands around what only Go's messages show of a path: embedded structs. */
export const HIDDEN = '\ue000';
/** Stands around what they leave out: keys of maps. */
export const KEY = '\ue001';

/** A path as faults of validation show it. */
export function toJsonPath(path: string): string {
  return path.includes(HIDDEN) || path.includes(KEY) ? path.replace(/\ue000[^\ue000]*\ue000|\ue001/g, '') : path;
}

/** A place in the words of Go's decoder. */
export function placeOf(path: string, { holder, custom }: ValuePlace): string {
  const told = path.replace(/\ue001[^\ue001]*\ue001|\ue000/g, '');
  const shown = custom ? told.replace(/^metadata\./, '') : told;
  return path === '' ? 'Go value' : `Go struct field ${goName(holder)}.${shown.replace(/\[\d+\]/g, '')}`;
}

/** What Go's decoder calls a value of JSON. */
export function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' || value instanceof NumberText ? 'number' : typeof value;
}

function goName(typeName: string): string {
  return typeName.replace(/^.*\./, '');
}

function goTypeOf(type: TypeSchema): string {
  switch (type.shape) {
    case 'object': {
      const [, version = '', name = ''] = /\/(v\w+)\.(\w+)$/.exec(type.typeName ?? '') ?? [];
      return `${version}.${name}`;
    }
    case 'map':
      return `map[string]${goTypeOf(type.values)}`;
    case 'list':
      return `[]${goTypeOf(type.items)}`;
    case 'scalar':
      return goScalars[type.type] ?? type.type;
    case 'opaque':
      return 'runtime.RawExtension';
    default:
      return type satisfies never;
  }
}

const goScalars: Readonly<Record<string, string>> = {
  boolean: 'bool',
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  time: 'v1.Time',
  'micro-time': 'v1.MicroTime',
};
