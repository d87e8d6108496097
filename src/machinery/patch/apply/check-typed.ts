import type { FieldSchema, ListShape, ScalarType, TypeSchema } from '../../schema/type-schema.ts';
import { toPathText } from './field-set.ts';
import { elementOf, TypedError } from './typed.ts';

type Fields = Record<string, unknown>;

/**
 * Checks an applied configuration against its schema.
 * @throws TypedError with all faults, in upstream's words
 *
 * Source: structured-merge-diff `typed/validate.go`.
 */
export function checkTyped(value: unknown, type: TypeSchema): void {
  const faults: string[] = [];
  checkValue(value, type, [], faults);
  if (faults.length === 1) throw new TypedError(faults[0]);
  if (faults.length > 1) throw new TypedError(['errors:', ...faults.map((fault) => `  ${fault}`)].join('\n'));
}

type Path = readonly string[];

function fail(path: Path, message: string, faults: string[]): void {
  faults.push(path.length === 0 ? message : `${toPathText(path)}: ${message}`);
}

function checkValue(value: unknown, type: TypeSchema, path: Path, faults: string[]): void {
  if (value === null || value === undefined) return;
  switch (type.shape) {
    case 'object':
    case 'map':
      return checkMap(value, type, path, faults);
    case 'list':
      return checkList(value, type, path, faults);
    case 'scalar':
      return checkScalar(value, type.type, path, faults);
    default:
      return;
  }
}

function checkMap(
  value: unknown,
  type: Extract<TypeSchema, { shape: 'object' | 'map' }>,
  path: Path,
  faults: string[],
): void {
  if (!isFields(value)) return fail(path, `expected map, got &{${toGo(value)}}`, faults);
  for (const [key, inner] of Object.entries(value)) {
    const below = [...path, `f:${key}`];
    const field: FieldSchema | undefined = type.shape === 'object' ? type.fields.get(key) : undefined;
    if (type.shape === 'object' && field === undefined) {
      if (type.preservesUnknown) continue;
      // Upstream looks no further in this struct.
      return fail(below, 'field not declared in schema', faults);
    }
    checkValue(inner, type.shape === 'map' ? type.values : (field as FieldSchema).type, below, faults);
  }
}

function checkList(value: unknown, type: ListShape, path: Path, faults: string[]): void {
  if (!Array.isArray(value)) return fail(path, `expected list, got &{${toGo(value)}}`, faults);
  const seen = new Set<string>();
  for (const [index, item] of (value as unknown[]).entries()) {
    if (type.listType === 'atomic') {
      checkValue(item, type.items, [...path, `i:${index}`], faults);
      continue;
    }
    let element: string;
    try {
      element = elementOf(item, type);
    } catch (error) {
      // Without a name for the item, upstream looks at no further one.
      return fail(path, `element ${index}: ${error instanceof Error ? error.message : String(error)}`, faults);
    }
    if (seen.has(element)) fail(path, `duplicate entries for key ${toPathText([element])}`, faults);
    seen.add(element);
    checkValue(item, type.items, [...path, element], faults);
  }
}

function checkScalar(value: unknown, type: ScalarType, path: Path, faults: string[]): void {
  switch (type) {
    case 'boolean':
      if (typeof value !== 'boolean') fail(path, `expected boolean, got &{${toGo(value)}}`, faults);
      return;
    case 'int32':
    case 'int64':
    case 'double':
      if (typeof value !== 'number' && typeof value !== 'bigint')
        fail(path, `expected numeric (int or float), got ${goTypeOf(value)}`, faults);
      return;
    case 'int-or-string':
    case 'quantity':
      if (typeof value === 'object') fail(path, `expected any scalar, got &{${toGo(value)}}`, faults);
      return;
    default:
      if (typeof value === 'string') return;
      fail(path, `expected string, got &value.valueUnstructured{Value:${toGoSyntax(value)}}`, faults);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const LIST = '[]interface {}';
const MAP = 'map[string]interface {}';

/** Go's `%T`. */
function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return LIST;
  if (isFields(value)) return MAP;
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** Go's `%v`. */
function toGo(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toGo).join(' ')}]`;
  if (!isFields(value)) return value === null || value === undefined ? '<nil>' : String(value);
  const entries = Object.keys(value).sort();
  return `map[${entries.map((key) => `${key}:${toGo(value[key])}`).join(' ')}]`;
}

/** Go's `%#v`. */
function toGoSyntax(value: unknown): string {
  if (Array.isArray(value)) return `${LIST}{${value.map(toGoSyntax).join(', ')}}`;
  if (!isFields(value)) {
    if (value === null || value === undefined) return 'interface {}(nil)';
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  }
  const entries = Object.keys(value).sort();
  return `${MAP}{${entries.map((key) => `${JSON.stringify(key)}:${toGoSyntax(value[key])}`).join(', ')}}`;
}
