import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import { KUBERNETES_VERSION } from '../../machinery/object/version.ts';
import { typeNameOf } from '../../machinery/schema/builtin.ts';
import type { ServedGroup, ServedResourceEntry, ServedVersion } from '../served-resources.ts';
import { addBuiltin, markKinds, refTo, type Schema, type Schemas } from './builtin-schemas.ts';
import { addCustom } from './custom-schemas.ts';
import { addPaths, type Paths, type ResourceSchemas } from './operations.ts';

/** Finds the definition behind a custom kind. */
export type FindCrd = (group: string, plural: string) => CustomResourceDefinition | undefined;

const PATCH = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';

/** Paths and schemas of one group and version. */
export interface ApiDocument {
  readonly paths: Paths;
  readonly schemas: Schemas;
}

/** Builds what a group and version has to say of itself. Takes some milliseconds: keep bytes, not the result. */
export function toApiDocument(
  { group }: ServedGroup,
  { version, resources }: ServedVersion,
  findCrd: FindCrd,
): ApiDocument {
  const paths: Paths = {};
  const schemas: Schemas = new Map();
  schemas.set(PATCH, { type: 'object' });
  const status = addKind(schemas, '', 'v1', 'Status') ?? {};
  const deleteOptions = addBuiltin(schemas, 'meta/v1.DeleteOptions');
  markKinds(schemas, 'meta/v1.DeleteOptions', [{ group, version, kind: 'DeleteOptions' }]);
  for (const entry of resources) {
    const kinds = kindsOf(schemas, entry, findCrd);
    if (kinds === undefined) continue;
    const all: ResourceSchemas = {
      ...kinds,
      status,
      deleteOptions,
      patch: refTo(PATCH),
      subresource: (subresource) => {
        const { definition } = entry;
        if (subresource.kind === definition.kind && subresource.group === undefined) return kinds.item;
        const shown = [subresource.group ?? definition.group, subresource.version ?? definition.version] as const;
        return addKind(schemas, shown[0], shown[1], subresource.kind);
      },
    };
    addPaths(paths, entry, all);
  }
  return { paths, schemas };
}

function kindsOf(
  schemas: Schemas,
  { definition }: ServedResourceEntry,
  findCrd: FindCrd,
): { readonly item: Schema; readonly list: Schema } | undefined {
  const { group, version, kind, listKind } = definition;
  if (definition.origin === 'custom') {
    const crd = findCrd(group, definition.plural);
    return crd === undefined ? undefined : addCustom(schemas, crd, version);
  }
  const item = addKind(schemas, group, version, kind);
  if (item === undefined) return undefined;
  return { item, list: addKind(schemas, group, version, listKind) ?? item };
}

function addKind(schemas: Schemas, group: string, version: string, kind: string): Schema | undefined {
  const typeName = typeNameOf(toApiVersion({ group, version }), kind);
  if (typeName === undefined) return undefined;
  const reference = addBuiltin(schemas, typeName);
  markKinds(schemas, typeName, [{ group, version, kind }]);
  return reference;
}

/** The document in OpenAPI 3.0. */
export function toV3({ paths, schemas }: ApiDocument): unknown {
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: KUBERNETES_VERSION },
    paths: sorted(paths),
    components: {
      schemas: sorted(Object.fromEntries(schemas)),
      securitySchemes: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    },
    security: [{ BearerToken: [] }],
  };
}

export function sorted<T>(object: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
