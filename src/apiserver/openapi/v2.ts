import type { Schema } from './builtin-schemas.ts';
import { type ApiDocument, DOCUMENT_VERSION, sorted } from './documents.ts';

/** All groups in one document of OpenAPI 2.0, in which older clients look for schemas. */
export function toV2(documents: readonly ApiDocument[]): Record<string, unknown> {
  const definitions: Record<string, unknown> = {};
  const paths: Record<string, unknown> = {};
  for (const document of documents) {
    for (const [name, schema] of document.schemas)
      definitions[name] = mergeKinds(
        definitions[name],
        toDefinition(schema, { defaults: document.customNames.has(name) }),
      );
    for (const [path, item] of Object.entries(document.paths)) paths[path] = toPathItem(item);
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: DOCUMENT_VERSION },
    paths: sorted(paths),
    definitions: sorted(definitions),
    securityDefinitions: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    security: [{ BearerToken: [] }],
  };
}

const KINDS = 'x-kubernetes-group-version-kind';

/** Options have one schema and a kind in every group. */
function mergeKinds(before: unknown, schema: Schema): Schema {
  const known = (before as Schema | undefined)?.[KINDS];
  const added = schema[KINDS];
  if (!Array.isArray(known) || !Array.isArray(added)) return schema;
  const all = new Map([...known, ...added].map((kind) => [JSON.stringify(kind), kind]));
  return { ...schema, [KINDS]: [...all.values()] };
}

/** Zeros are told of fields in 3.0 only; defaults of custom kinds in both. */
interface DefinitionOptions {
  readonly defaults: boolean;
}

/** A schema in the older dialect, which has no alternatives and takes references alone. */
function toDefinition(schema: unknown, options: DefinitionOptions): Schema {
  if (typeof schema !== 'object' || schema === null) return schema as Schema;
  const { oneOf, anyOf: _any, nullable: _nullable, default: given, allOf, ...rest } = schema as Schema;
  const [only] = Array.isArray(allOf) && allOf.length === 1 ? allOf : [];
  const converted: Record<string, unknown> = only === undefined ? {} : { ...toDefinition(only, options) };
  if (options.defaults && given !== undefined) converted['default'] = given;
  if (oneOf !== undefined) converted['type'] = 'string';
  for (const [key, value] of Object.entries(rest)) {
    if (key === '$ref') converted[key] = String(value).replace('#/components/schemas/', '#/definitions/');
    else if (key === 'properties') {
      converted[key] = Object.fromEntries(
        Object.entries(value as Schema).map(([name, each]) => [name, toDefinition(each, options)]),
      );
    } else if (key === 'items' || key === 'additionalProperties') converted[key] = toDefinition(value, options);
    else converted[key] = value;
  }
  return converted;
}

function toPathItem(item: Readonly<Record<string, unknown>>): Schema {
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) =>
      key === 'parameters'
        ? [key, (value as readonly Schema[]).map(toParameter)]
        : [key, toOperation(value as Readonly<Record<string, unknown>>)],
    ),
  );
}

function toParameter({ schema, ...parameter }: Schema): Schema {
  return { ...parameter, ...(schema as Schema) };
}

interface Body {
  readonly required?: boolean;
  readonly content: Readonly<Record<string, { readonly schema?: Schema }>>;
}

function toOperation(operation: Readonly<Record<string, unknown>>): Schema {
  const { requestBody, responses, parameters, ...rest } = operation;
  const body = requestBody as Body | undefined;
  const own = ((parameters ?? []) as readonly Schema[]).map(toParameter);
  const given = responses as Readonly<Record<string, { description: string; content?: Body['content'] }>>;
  const produced = Object.keys(given['200']?.content ?? {});
  return {
    ...rest,
    consumes: body === undefined ? ['*/*'] : Object.keys(body.content),
    produces: produced,
    schemes: ['https'],
    parameters: body === undefined ? own : [toBodyParameter(body), ...own],
    responses: Object.fromEntries(Object.entries(given).map(([code, response]) => [code, toResponse(response)])),
  };
}

function toBodyParameter({ content, required }: Body): Schema {
  const schema = Object.values(content)[0]?.schema;
  return {
    name: 'body',
    in: 'body',
    ...(required ? { required } : {}),
    schema: toDefinition(schema ?? {}, { defaults: false }),
  };
}

function toResponse({ description, content }: { description: string; content?: Body['content'] }): Schema {
  const schema = Object.values(content ?? {})[0]?.schema;
  return { description, ...(schema === undefined ? {} : { schema: toDefinition(schema, { defaults: false }) }) };
}
