import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldInvalid, toAggregateText } from '../errors/field-error.ts';
import { builtinShape } from './builtin.ts';
import { pruneCustom } from './custom-values.ts';
import { decodeObject } from './decode.ts';
import { validateEmbedded } from './embedded-objects.ts';
import { isDeepEqual, isFields, ownOf } from './json-values.ts';
import { schemaOf } from './read-schema.ts';
import type { ObjectShape } from './type-schema.ts';
import { validateCustom } from './validate-custom.ts';

/** Judges a value by the rules of its schema, `x-kubernetes-validations`. */
export type RuleCheck = (
  schema: JSONSchemaProps,
  value: unknown,
  path: string,
  isRoot: boolean,
) => readonly FieldError[];

export interface DefaultsCheck {
  /** Whether defaults may have fields that the schema does not know. */
  readonly allowsUnpruned: boolean;
  readonly checkRules?: RuleCheck | undefined;
}

/** Puts a default into the object that it will stand in. */
type Surround = (value: unknown) => unknown;

const whole: Surround = (value) => {
  if (!isFields(value)) return { kind: 'Validation', apiVersion: 'validation/v1' };
  return { kind: 'Validation', apiVersion: 'validation/v1', ...value };
};

interface Place {
  readonly path: string;
  /** The schema of the object around, with its own type and metadata. */
  readonly root: JSONSchemaProps;
  readonly surround: Surround;
  readonly insideMeta: boolean;
}

/**
 * Whether the defaults of a structural schema are valid by themselves.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/defaulting/validation.go`.
 */
export function validateDefaults(schema: JSONSchemaProps, path: string, check: DefaultsCheck): readonly FieldError[] {
  const root = { ...schema, 'x-kubernetes-embedded-resource': true };
  return validateNode(root, { path, root, surround: whole, insideMeta: false }, check);
}

function validateNode(schema: JSONSchemaProps, outer: Place, check: DefaultsCheck): readonly FieldError[] {
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const place = embedded ? { ...outer, root: schema, surround: whole, insideMeta: false } : outer;
  const faults: FieldError[] = [];
  if (schema.default !== undefined && schema.default !== null) faults.push(...validateDefault(schema, place, check));
  const items = schemaOf(schema.items);
  if (items !== undefined) {
    const surround: Surround = (value) => place.surround([value]);
    faults.push(...validateNode(items, { ...place, path: `${place.path}.items`, surround }, check));
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const insideMeta = place.insideMeta || (embedded && ['metadata', 'apiVersion', 'kind'].includes(name));
    const surround: Surround = (value) => place.surround({ [name]: value });
    const path = `${place.path}.properties[${name}]`;
    faults.push(...validateNode(property, { ...place, path, surround, insideMeta }, check));
  }
  return faults;
}

function validateDefault(schema: JSONSchemaProps, place: Place, check: DefaultsCheck): readonly FieldError[] {
  const value = schema.default;
  const path = `${place.path}.default`;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const faults: FieldError[] = [];
  if (place.insideMeta) {
    const object = place.surround(value);
    const why =
      coercionFault(object, place.root, '', true)?.toString() ??
      textOf(validateEmbedded(object, place.root, { isRoot: true }));
    if (why !== undefined) return [fieldInvalid(path, value, `must result in valid metadata: ${why}`)];
  } else {
    if (!check.allowsUnpruned && !isPruned(value, schema)) {
      faults.push(fieldInvalid(path, value, 'must not have unknown fields'));
    }
    const coercion = coercionFault(value, schema, path, embedded);
    if (coercion !== undefined) return [...faults, coercion];
    const metadata = validateEmbedded(value, schema, { path, isRoot: embedded });
    if (metadata.length > 0) return [...faults, ...metadata];
  }
  const own = validateCustom(value, schema, { path });
  if (own.length > 0) return [...faults, ...own];
  return [...faults, ...(check.checkRules?.(schema, value, path, schema === place.root) ?? [])];
}

function textOf(faults: readonly FieldError[]): string | undefined {
  return faults.length === 0 ? undefined : toAggregateText(faults);
}

/** Whether every default of the schema is free of fields that it does not know. */
export function hasPrunedDefaults(schema: JSONSchemaProps): boolean {
  if (schema.default !== undefined && schema.default !== null && !isPruned(schema.default, schema)) return false;
  const items = schemaOf(schema.items);
  if (items !== undefined && !hasPrunedDefaults(items)) return false;
  return Object.values(schema.properties ?? {}).every(hasPrunedDefaults);
}

function isPruned(value: unknown, schema: JSONSchemaProps): boolean {
  const copy = structuredClone(value);
  pruneCustom(copy, schema, schema['x-kubernetes-embedded-resource'] === true);
  return isDeepEqual(copy, value);
}

/** Why the type or metadata of an embedded object cannot be read. Source: `pkg/apiserver/schema/objectmeta/algorithm.go`. */
function coercionFault(
  value: unknown,
  schema: JSONSchemaProps,
  path: string,
  embedded: boolean,
): FieldError | undefined {
  if (Array.isArray(value)) {
    const items = schemaOf(schema.items);
    if (items === undefined) return undefined;
    const inside = items['x-kubernetes-embedded-resource'] === true;
    return firstOf(value.entries(), ([at, item]) => coercionFault(item, items, `${path}[${at}]`, inside));
  }
  if (!isFields(value)) return undefined;
  return firstOf(Object.entries(value), ([name, inner]) => {
    const place = path === '' ? name : `${path}.${name}`;
    if (embedded && (name === 'apiVersion' || name === 'kind') && typeof inner !== 'string') {
      return fieldInvalid(place, inner, 'must be a string');
    }
    const why = embedded && name === 'metadata' ? metadataObstacle(inner) : undefined;
    if (why !== undefined) return fieldInvalid(place, inner, why);
    const property = ownOf(schema.properties, name) ?? schemaOf(schema.additionalProperties);
    if (property === undefined) return undefined;
    return coercionFault(inner, property, place, property['x-kubernetes-embedded-resource'] === true);
  });
}

function firstOf<T>(items: Iterable<T>, find: (item: T) => FieldError | undefined): FieldError | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function metadataObstacle(metadata: unknown): string | undefined {
  if (metadata === null) return undefined;
  try {
    decodeObject(metadata, builtinShape('meta/v1.ObjectMeta') as ObjectShape, { unknownFields: 'drop' });
    return undefined;
  } catch (error) {
    return ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
  }
}
