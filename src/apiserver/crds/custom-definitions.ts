import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../../generated/api/apiextensions/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition, Verb } from '../../machinery/object/resource-definition.ts';
import { builtinShape } from '../../machinery/schema/builtin.ts';

/** In the order in which upstream lists them for custom resources. */
const verbs: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];

/** One record for each served version of an established definition. */
export function toDefinitions(crd: CustomResourceDefinition): readonly ResourceDefinition[] {
  const stored = crd.spec.versions.find((version) => version.storage);
  if (stored === undefined) return [];
  return crd.spec.versions
    .filter((version) => version.served)
    .map((version) => toDefinition(crd, version, stored.name));
}

function toDefinition(
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  storageVersion: string,
): ResourceDefinition {
  const names = crd.status?.acceptedNames ?? crd.spec.names;
  const { group } = crd.spec;
  const own = { group, version: version.name };
  return {
    ...own,
    kind: names.kind,
    plural: names.plural,
    namespaced: crd.spec.scope === 'Namespaced',
    listKind: names.listKind ?? `${names.kind}List`,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs,
    origin: 'custom',
    schema: { ...builtinShape('meta/v1.PartialObjectMetadata'), preservesUnknown: true },
    storagePrefix: `${group}/${names.plural}`,
    storageVersion,
    convert: version.name === storageVersion ? undefined : converter(own, { group, version: storageVersion }),
    hasStatus: version.subresources?.status !== undefined,
    scale: undefined,
    columns: [],
    selectableFields: {},
    generation: 'spec',
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: false,
    defaultPropagation: 'Background',
    strategy: {},
  };
}

/** Conversion by the strategy `None`: versions differ in name only. */
function converter(
  served: { group: string; version: string },
  stored: { group: string; version: string },
): NonNullable<ResourceDefinition['convert']> {
  return {
    fromStorage: (object: AnyObject) => ({ ...object, apiVersion: toApiVersion(served) }),
    toStorage: (object: AnyObject) => ({ ...object, apiVersion: toApiVersion(stored) }),
  };
}
