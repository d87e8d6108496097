import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';

const single = ['not', 'items', 'additionalProperties', 'additionalItems'] as const;
const lists = ['allOf', 'anyOf', 'oneOf'] as const;
const maps = ['properties', 'patternProperties', 'definitions', 'dependencies'] as const;

/**
 * A definition's schema as Go has it in memory: nulls are absent, and so is what fits none of the forms that a field may
 * have. The given one is not changed.
 */
export function readSchema(value: unknown): JSONSchemaProps {
  const result: Record<string, unknown> = {};
  if (!isObject(value)) return result as JSONSchemaProps;
  for (const [name, inner] of Object.entries(value)) if (inner !== null && inner !== undefined) result[name] = inner;
  for (const name of single) {
    if (result[name] !== undefined) assign(result, name, readChoice(result[name], name));
  }
  for (const name of lists) {
    if (Array.isArray(result[name])) result[name] = (result[name] as readonly unknown[]).map(readSchema);
    else delete result[name];
  }
  for (const name of maps) {
    if (isObject(result[name])) {
      result[name] = Object.fromEntries(
        Object.entries(result[name]).map(([key, inner]) => [key, Array.isArray(inner) ? inner : readSchema(inner)]),
      );
    } else delete result[name];
  }
  return result as JSONSchemaProps;
}

function readChoice(value: unknown, name: (typeof single)[number]): unknown {
  if (isObject(value)) return readSchema(value);
  if (name === 'items') return Array.isArray(value) ? value.map(readSchema) : {};
  return typeof value === 'boolean' ? value : undefined;
}

function assign(target: Record<string, unknown>, name: string, value: unknown): void {
  if (value === undefined) delete target[name];
  else target[name] = value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The schema among the forms that `items` and `additionalProperties` may have. */
export function schemaOf(value: unknown): JSONSchemaProps | undefined {
  return isObject(value) ? (value as JSONSchemaProps) : undefined;
}

/** Whether a schema or one below it, conditions included, has a property. */
export function hasSchemaWith(schema: JSONSchemaProps, holds: (schema: JSONSchemaProps) => boolean): boolean {
  if (holds(schema)) return true;
  for (const name of single) {
    const inner = schema[name] as unknown;
    for (const each of Array.isArray(inner) ? inner : [inner]) {
      const found = schemaOf(each);
      if (found !== undefined && hasSchemaWith(found, holds)) return true;
    }
  }
  for (const name of lists) if ((schema[name] ?? []).some((inner) => hasSchemaWith(inner, holds))) return true;
  for (const name of maps) {
    for (const inner of Object.values(schema[name] ?? {})) {
      const found = schemaOf(inner);
      if (found !== undefined && hasSchemaWith(found, holds)) return true;
    }
  }
  return false;
}
