import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { KUBERNETES_VERSION } from '../../machinery/object/version.ts';
import { typeNameOf } from '../../machinery/schema/builtin.ts';
import type { ServedSubresource } from '../served-resources.ts';
import { addBuiltin, type GroupVersionKindEntry, refTo, type Schema, type Schemas } from './builtin-schemas.ts';
import { addCustom, type Dialect } from './custom-schemas.ts';
import type { Descriptions } from './descriptions.ts';
import { readEnumerations } from './enumerations.ts';
import { addPaths, type Paths, type ResourceSchemas } from './operations.ts';
import { addRootPath } from './root-operations.ts';
import type { RootPath } from './root-paths.ts';

/** Finds the definition behind a custom kind. */
export type FindCrd = (group: string, plural: string) => CustomResourceDefinition | undefined;

const PATCH = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';

/** What documents tell of a resource; plain data. */
export interface DocumentedResource {
  readonly definition: Pick<
    ResourceDefinition,
    'group' | 'version' | 'kind' | 'plural' | 'namespaced' | 'listKind' | 'origin'
  >;
  readonly verbs: readonly string[];
  readonly subresources: readonly ServedSubresource[];
}

/** What stands in one document of 3.0. */
export interface DocumentedVersion {
  readonly roots: readonly RootPath[];
  readonly resources: readonly DocumentedResource[];
}

interface GroupAndVersion {
  readonly group: string;
  readonly version: string;
}

/** Paths and schemas of one group and version. */
export interface ApiDocument {
  readonly paths: Paths;
  readonly schemas: ReadonlyMap<string, Schema>;
  /** Schemas that come from definitions. */
  readonly customNames: ReadonlySet<string>;
  /** What the document is of; undefined where it has no resources. */
  readonly own?: GroupAndVersion | undefined;
}

/** What documents are made of, beside the table of types. */
export interface DocumentSources {
  readonly findCrd: FindCrd;
  readonly descriptions: Descriptions;
  /** What custom schemas are written in. Built-in ones become 2.0 as a whole. */
  readonly dialect: Dialect;
}

/** Builds what a group and version has to say of itself. Takes some milliseconds: keep bytes, not the result. */
export function toApiDocument({ roots, resources }: DocumentedVersion, sources: DocumentSources): ApiDocument {
  const paths: Paths = {};
  const schemas: Schemas = {
    byName: new Map(),
    customNames: new Set(),
    descriptions: sources.descriptions,
    enumerations: readEnumerations(),
  };
  const verbs = new Set(resources.flatMap((entry) => [entry, ...entry.subresources].flatMap((each) => each.verbs)));
  // Created only where some operation refers to them.
  const status = verbs.has('delete') ? addBuiltin(schemas, 'meta/v1.Status') : {};
  const deleteOptions = verbs.has('delete') ? addBuiltin(schemas, 'meta/v1.DeleteOptions') : {};
  if (verbs.has('patch'))
    schemas.byName.set(PATCH, { description: 'A change, in the form that its media type names.', type: 'object' });
  const watches = resources.some(
    ({ definition, verbs: own }) => definition.origin !== 'custom' && own.includes('watch'),
  );
  const watchEvent = watches ? addBuiltin(schemas, 'meta/v1.WatchEvent') : {};
  for (const root of roots) addRootPath(paths, schemas, root);
  for (const entry of resources) {
    const kinds = kindsOf(schemas, entry, sources);
    if (kinds === undefined) continue;
    const all: ResourceSchemas = {
      ...kinds,
      status,
      deleteOptions,
      patch: refTo(PATCH),
      watchEvent,
      subresource: (subresource) => {
        const { definition } = entry;
        if (subresource.kind === definition.kind && subresource.group === undefined) return kinds.item;
        const shown = [subresource.group ?? definition.group, subresource.version ?? definition.version] as const;
        return addKind(schemas, shown[0], shown[1], subresource.kind);
      },
    };
    addPaths(paths, entry, all);
  }
  const own = resources[0]?.definition;
  return {
    paths,
    schemas: schemas.byName,
    customNames: schemas.customNames,
    own: own === undefined ? undefined : { group: own.group, version: own.version },
  };
}

function kindsOf(
  schemas: Schemas,
  { definition }: DocumentedResource,
  { findCrd, dialect }: DocumentSources,
): { readonly item: Schema; readonly list: Schema } | undefined {
  const { group, version, kind, listKind } = definition;
  if (definition.origin === 'custom') {
    const crd = findCrd(group, definition.plural);
    return crd === undefined ? undefined : addCustom(schemas, crd, { version, dialect });
  }
  const item = addKind(schemas, group, version, kind);
  if (item === undefined) return undefined;
  return { item, list: addKind(schemas, group, version, listKind) ?? item };
}

function addKind(schemas: Schemas, group: string, version: string, kind: string): Schema | undefined {
  const typeName = typeNameOf(toApiVersion({ group, version }), kind);
  if (typeName === undefined) return undefined;
  return addBuiltin(schemas, typeName);
}

/** The version that documents tell: the emulated one, without its patches. */
export const DOCUMENT_VERSION = KUBERNETES_VERSION.replace(/^v(\d+\.\d+).*$/, '$1');

/** Of options, which are of a kind in every group, a document tells those of the core and of its own group. */
function withOwnKinds(schema: Schema, own: GroupAndVersion | undefined): Schema {
  const kinds = schema['x-kubernetes-group-version-kind'];
  if (!Array.isArray(kinds) || kinds.length < 2 || own === undefined) return schema;
  const isShown = ({ group, version }: GroupAndVersion): boolean =>
    (group === '' && version === 'v1') || (group === own.group && version === own.version);
  const shown = (kinds as readonly GroupVersionKindEntry[])
    .filter(isShown)
    .sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0));
  return { ...schema, 'x-kubernetes-group-version-kind': shown.length === 0 ? kinds : shown };
}

/** The document in OpenAPI 3.0. */
export function toV3({ paths, schemas, customNames, own }: ApiDocument): unknown {
  return {
    openapi: '3.0.0',
    info:
      customNames.size > 0
        ? { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' }
        : { title: 'Kubernetes', version: DOCUMENT_VERSION },
    paths: sorted(paths),
    components: {
      schemas: sorted(Object.fromEntries([...schemas].map(([name, schema]) => [name, withOwnKinds(schema, own)]))),
      securitySchemes: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    },
  };
}

export function sorted<T>(object: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
