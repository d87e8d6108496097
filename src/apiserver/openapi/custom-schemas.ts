import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { addBuiltin, refTo, type Schema, type Schemas } from './builtin-schemas.ts';
import { customSchemaName } from './schema-names.ts';

/**
 * Adds the schema of a custom kind and of its list, made from the definition's own.
 * @returns references to both. Source: apiextensions `pkg/controller/openapi/builder/builder.go`.
 */
export function addCustom(
  schemas: Schemas,
  crd: CustomResourceDefinition,
  version: string,
): { readonly item: Schema; readonly list: Schema } {
  const { group, names } = crd.spec;
  const { kind } = names;
  const listKind = names.listKind ?? `${kind}List`;
  const own = crd.spec.versions.find((each) => each.name === version)?.schema?.openAPIV3Schema as Schema | undefined;
  const name = customSchemaName(group, version, kind);
  const listName = customSchemaName(group, version, listKind);
  const metadata = { allOf: [addBuiltin(schemas, 'meta/v1.ObjectMeta')] };
  const typeMeta = { apiVersion: { type: 'string' }, kind: { type: 'string' } };
  const properties = { ...typeMeta, metadata, ...withoutTypeMeta(own?.['properties'] as Schema | undefined) };
  schemas.byName.set(name, {
    ...toPublished(own ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
    properties: mapValues(properties, toPublished),
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  });
  schemas.byName.set(listName, {
    type: 'object',
    required: ['items'],
    properties: {
      ...typeMeta,
      metadata: { allOf: [addBuiltin(schemas, 'meta/v1.ListMeta')] },
      items: { type: 'array', items: refTo(name) },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: listKind }],
  });
  return { item: refTo(name), list: refTo(listName) };
}

/** A definition may repeat these with rules of its own; what is published is what every object has. */
function withoutTypeMeta(properties: Schema | undefined): Schema {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = properties ?? {};
  return rest;
}

/** A structural schema as documents show it: without rules that only the server runs. */
function toPublished(schema: unknown): Schema {
  if (typeof schema !== 'object' || schema === null) return schema as Schema;
  const published: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties' || key === 'patternProperties') published[key] = mapValues(value as Schema, toPublished);
    else if (key === 'items' || key === 'additionalProperties' || key === 'not') published[key] = toPublished(value);
    else if (key === 'allOf' || key === 'anyOf' || key === 'oneOf') {
      published[key] = (value as readonly unknown[]).map(toPublished);
    } else published[key] = value;
  }
  return published;
}

function mapValues(object: Schema, to: (value: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, to(value)]));
}
