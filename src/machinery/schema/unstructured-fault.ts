import type { FieldSchema, ObjectShape, ScalarType, TypeSchema } from './type-schema.ts';

/** Where a value that fits no type stands, and how Go names it. */
interface Fault {
  /** Absent where the type reads its own JSON, whose fault the caller knows. */
  readonly message: string | undefined;
}

const goTypes: Readonly<Partial<Record<ScalarType, string>>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
};

/**
 * Why a map of values does not become an object, where upstream makes it so field by field and not from a text: after
 * strategic merge patches and applies. Undefined where it does become one, or where a type reads itself.
 *
 * Source: apimachinery `pkg/runtime/converter.go` (FromUnstructured).
 */
export function unstructuredFault(value: unknown, shape: ObjectShape): string | undefined {
  return faultIn(value, shape, undefined)?.message;
}

function faultIn(value: unknown, type: TypeSchema, field: FieldSchema | undefined): Fault | undefined {
  if (value === null || value === undefined) return undefined;
  const kind = kindOf(value);
  switch (type.shape) {
    case 'object': {
      if (kind !== 'map') return { message: `cannot restore struct from: ${kind}` };
      const fields = value as Readonly<Record<string, unknown>>;
      for (const [name, inner] of type.fields) {
        const fault = Object.hasOwn(fields, name) ? faultIn(fields[name], inner.type, inner) : undefined;
        if (fault !== undefined) return fault;
      }
      return undefined;
    }
    case 'map':
      if (kind !== 'map') return { message: `cannot restore map from ${kind}` };
      return first(Object.values(value as object), (inner) => faultIn(inner, type.values, undefined));
    case 'list':
      if (kind !== 'slice') return { message: `cannot restore slice from ${kind}` };
      return first(value as readonly unknown[], (inner) => faultIn(inner, type.items, undefined));
    case 'scalar':
      return scalarFault(value, kind, type.type, field?.goType);
    default:
      return undefined;
  }
}

function scalarFault(value: unknown, kind: string, type: ScalarType, named: string | undefined): Fault | undefined {
  if (type === 'bytes') {
    return kind === 'string'
      ? undefined
      : { message: kind === 'slice' ? undefined : `cannot restore slice from ${kind}` };
  }
  const wanted = goTypes[type];
  if (wanted === undefined) return undefined;
  if (wanted === 'string') {
    if (kind === 'string') return undefined;
    return {
      message: kind === 'int64' ? `cannot convert int64 to ${named ?? wanted}` : `unrecognized type: ${wanted}`,
    };
  }
  if (wanted === 'bool') return kind === 'bool' ? undefined : { message: `unrecognized type: ${wanted}` };
  if (kind !== 'int64' && kind !== 'float64') return { message: `unrecognized type: ${wanted}` };
  if (wanted === 'float64' || Number.isInteger(Number(value))) return undefined;
  return { message: `cannot convert float64 to ${named ?? wanted}` };
}

function first<T>(values: readonly T[], look: (value: T) => Fault | undefined): Fault | undefined {
  for (const value of values) {
    const fault = look(value);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : 'map';
}
