import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { addBuiltin, refTo, type Schema, type Schemas } from './builtin-schemas.ts';
import { customSchemaName } from './schema-names.ts';

/** The dialect in which custom schemas are written: 2.0 can say less, and kubectl trips over some of that. */
export type Dialect = 'v2' | 'v3';

/**
 * Adds the schema of a custom kind and of its list, made from the definition's own.
 * @returns references to both. Source: apiextensions `pkg/controller/openapi/builder/builder.go`.
 */
export function addCustom(
  schemas: Schemas,
  crd: CustomResourceDefinition,
  { version, dialect }: { readonly version: string; readonly dialect: Dialect },
): { readonly item: Schema; readonly list: Schema } {
  const { group, names } = crd.spec;
  const { kind } = names;
  const listKind = names.listKind ?? `${kind}List`;
  const served = crd.spec.versions.find((each) => each.name === version);
  const own = served?.schema?.openAPIV3Schema as Schema | undefined;
  const name = customSchemaName(group, version, kind);
  const listName = customSchemaName(group, version, listKind);
  const selectable = (served?.selectableFields ?? []).map(({ jsonPath }) => ({
    fieldPath: jsonPath.replace(/^\./, ''),
  }));
  const extensions = selectable.length === 0 ? {} : { 'x-kubernetes-selectable-fields': selectable };
  for (const each of [name, listName]) schemas.customNames.add(each);
  schemas.byName.set(name, {
    ...toItem(schemas, own, crd.spec.preserveUnknownFields === true, dialect),
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
    ...extensions,
  });
  schemas.byName.set(listName, {
    description: `${listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...typeMeta(schemas),
      metadata: described(schemas, 'meta/v1.ListMeta'),
      items: { description: `List of ${names.plural}.`, type: 'array', items: refTo(name) },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: listKind }],
    ...extensions,
  });
  return { item: refTo(name), list: refTo(listName) };
}

function toItem(schemas: Schemas, own: Schema | undefined, preservesUnknown: boolean, dialect: Dialect): Schema {
  // With any field, kubectl would take all others for unknown.
  const isOpen = preservesUnknown || own?.['x-kubernetes-preserve-unknown-fields'] === true;
  if (own === undefined || (dialect === 'v2' && isOpen)) return { type: 'object' };
  const published = toPublished(schemas, own, dialect);
  const properties = { ...typeMeta(schemas), ...(published['properties'] as Schema | undefined) };
  return { ...published, properties: { ...properties, ...typeMeta(schemas), metadata: metadata(schemas) } };
}

/** What every object has; a definition may repeat these with rules of its own. */
function typeMeta(schemas: Schemas): Schema {
  const text = (name: string): Schema => {
    const description = schemas.descriptions.ofField('core/v1.ConfigMap', name);
    return { ...(description === undefined ? {} : { description }), type: 'string' };
  };
  return { apiVersion: text('apiVersion'), kind: text('kind') };
}

function metadata(schemas: Schemas): Schema {
  return described(schemas, 'meta/v1.ObjectMeta');
}

function described(schemas: Schemas, typeName: string): Schema {
  const description = schemas.descriptions.ofType(typeName);
  return { allOf: [addBuiltin(schemas, typeName)], ...(description === undefined ? {} : { description }) };
}

/** A structural schema as documents show it. Source: apiextensions `pkg/controller/openapi/v2/conversion.go`. */
function toPublished(schemas: Schemas, schema: Schema, dialect: Dialect): Schema {
  const { properties, items, additionalProperties, ...rest } = schema;
  const below = (inner: unknown): unknown => (isSchema(inner) ? toPublished(schemas, inner, dialect) : inner);
  const published: Record<string, unknown> = {
    ...rest,
    ...(additionalProperties === undefined ? {} : { additionalProperties: below(additionalProperties) }),
    ...(items === undefined ? {} : { items: below(items) }),
    ...(isSchema(properties) ? { properties: mapValues(properties, below) } : {}),
  };
  if (dialect === 'v2') cutToV2(published, schema);
  const isOpen = published['x-kubernetes-preserve-unknown-fields'] === true;
  if (published['x-kubernetes-embedded-resource'] !== true || (dialect === 'v2' && isOpen)) return published;
  const required = new Set([...((published['required'] as readonly string[] | undefined) ?? []), 'kind', 'apiVersion']);
  const embedded = {
    ...(published['properties'] as Schema | undefined),
    ...typeMeta(schemas),
    metadata: metadata(schemas),
  };
  return { ...published, required: [...required], properties: embedded };
}

/** Takes out what the older dialect cannot say, and what kubectl cannot read in it. */
function cutToV2(published: Record<string, unknown>, schema: Schema): void {
  for (const key of ['allOf', 'oneOf', 'anyOf', 'not', 'nullable']) delete published[key];
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const isNullable = schema['nullable'] === true;
  if (isNullable || isOpen) {
    delete published['items'];
    delete published['properties'];
  }
  const type = schema['type'];
  if (isNullable || (type === 'array' && published['items'] === undefined) || (isOpen && type === 'object'))
    delete published['type'];
  const { required, properties, additionalProperties } = schema;
  if (!Array.isArray(required)) return;
  const fields = (properties ?? {}) as Readonly<Record<string, Schema | undefined>>;
  const left = required.filter((name: string) => fields[name]?.['nullable'] !== true);
  const isCut = left.length === 0 || (isSchema(additionalProperties) && additionalProperties['nullable'] === true);
  if (isCut) delete published['required'];
  else published['required'] = left;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapValues(object: Schema, to: (value: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, to(value)]));
}
