/** Kinds of CEL's types. `opaque` types have parameters and no fields, `struct` types have fields. */
export type CelKind =
  | 'dyn'
  | 'error'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'list'
  | 'map'
  | 'struct'
  | 'opaque'
  | 'type'
  | 'param';

export interface CelType {
  readonly kind: CelKind;
  readonly name: string;
  readonly params: readonly CelType[];
}

function simple(kind: CelKind, name: string = kind): CelType {
  return { kind, name, params: [] };
}

export const DYN = simple('dyn');
export const ERROR = simple('error', '!error!');
export const NULL = simple('null', 'null_type');
export const BOOL = simple('bool');
export const INT = simple('int');
export const UINT = simple('uint');
export const DOUBLE = simple('double');
export const STRING = simple('string');
export const BYTES = simple('bytes');
export const TIMESTAMP = simple('timestamp', 'google.protobuf.Timestamp');
export const DURATION = simple('duration', 'google.protobuf.Duration');

export const listOf = (item: CelType): CelType => ({ kind: 'list', name: 'list', params: [item] });
export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: 'map', name: 'map', params: [key, value] });
export const typeOf = (type: CelType): CelType => ({ kind: 'type', name: 'type', params: [type] });
export const param = (name: string): CelType => simple('param', name);
export const struct = (name: string): CelType => simple('struct', name);
export const opaque = (name: string, ...params: readonly CelType[]): CelType => ({ kind: 'opaque', name, params });
export const optionalOf = (type: CelType): CelType => opaque('optional_type', type);

/** Whether two types are the very same. */
export function isSameType(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((each, at) => isSameType(each, b.params[at] as CelType));
}

/** A type as messages name it. Source: cel-go `checker/format.go` (FormatCELType). */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'timestamp':
    case 'duration':
    case 'null':
      return type.kind;
    case 'error':
    case 'param':
      return type.name;
    default:
      if (type.params.length === 0) return type.name;
      return `${type.name}(${type.params.map(formatType).join(', ')})`;
  }
}

/** The arguments of a call as messages name them: `string.(int, int)`. */
export function formatSignature(args: readonly CelType[], isMember: boolean): string {
  const [target, ...rest] = args;
  if (isMember && target !== undefined) return `${formatType(target)}.(${rest.map(formatType).join(', ')})`;
  return `(${args.map(formatType).join(', ')})`;
}

/** Fields of a struct type by name; undefined for types that nobody declared. */
export type StructFields = (typeName: string) => ReadonlyMap<string, CelType> | undefined;
