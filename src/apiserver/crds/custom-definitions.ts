import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../../generated/api/apiextensions/v1.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import type { Column, ResourceDefinition, Verb } from '../../machinery/object/resource-definition.ts';
import { compileStructural } from '../../machinery/schema/structural.ts';
import { validateCustom } from '../../machinery/schema/validate-custom.ts';
import { humanDuration } from '../../machinery/values/human-duration.ts';
import { parseJsonPath } from '../../machinery/values/json-path.ts';

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
  const structural = compileStructural(
    crd.spec.preserveUnknownFields ? undefined : (version.schema?.openAPIV3Schema as JSONSchemaProps | undefined),
  );
  const scale = version.subresources?.scale;
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
    schema: structural.shape,
    storagePrefix: `${group}/${names.plural}`,
    storageVersion,
    convert: version.name === storageVersion ? undefined : converter(own, { group, version: storageVersion }),
    hasStatus: version.subresources?.status !== undefined,
    scale:
      scale === undefined
        ? undefined
        : {
            specReplicas: scale.specReplicasPath ?? '',
            statusReplicas: scale.statusReplicasPath ?? '',
            ...(scale.labelSelectorPath ? { selector: scale.labelSelectorPath } : {}),
          },
    columns: toColumns(version.additionalPrinterColumns),
    selectableFields: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath = '' }) => [
        jsonPath.replace(/^\./, ''),
        toSelectable(jsonPath),
      ]),
    ),
    generation: 'spec',
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: false,
    defaultPropagation: 'Background',
    strategy: {
      applyDefaults: (object) => structural.applyDefaults(object),
      validateCreate: (object) => validateCustom(object, structural.schema),
      validateUpdate: (object) => validateCustom(object, structural.schema),
      validateStatusUpdate: (object) => validateCustom(object, structural.schema),
    },
  };
}

const nameColumn: Column<AnyObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  cell: ({ metadata }) => metadata.name ?? '',
};

/** Source: apiextensions-apiserver `pkg/registry/customresource/tableconvertor`. */
function toColumns(columns: readonly CustomResourceColumnDefinition[] | undefined): readonly Column<AnyObject>[] {
  const own = columns?.length ? columns : [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }];
  return [nameColumn, ...own.map(toColumn)];
}

function toColumn({
  name = '',
  type = 'string',
  format,
  description,
  priority,
  jsonPath = '',
}: CustomResourceColumnDefinition): Column<AnyObject> {
  const find = parseJsonPath(jsonPath) ?? (() => []);
  return {
    name,
    type: type as Column['type'],
    ...(format ? { format } : {}),
    ...(description ? { description } : {}),
    ...(priority ? { priority } : {}),
    cell(object, { nowMs }) {
      const found = find(object);
      if (found.length === 0) return null;
      return toCell(found, type, nowMs);
    },
  };
}

function toCell(found: readonly unknown[], type: string, nowMs: number): unknown {
  const [first] = found;
  switch (type) {
    case 'integer':
      return typeof first === 'number' ? Math.trunc(first) : null;
    case 'number':
      return typeof first === 'number' ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    case 'date':
      return typeof first === 'string' ? humanDuration(nowMs - Date.parse(first)) : null;
    default:
      return found.map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value))).join(' ');
  }
}

function toSelectable(jsonPath: string): (object: AnyObject) => string {
  const find = parseJsonPath(jsonPath) ?? (() => []);
  return (object) => {
    const [value] = find(object);
    return value === undefined ? '' : String(value);
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
