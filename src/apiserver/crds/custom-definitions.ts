import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../../generated/api/apiextensions/v1.ts';
import { FieldError } from '../../machinery/errors/field-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { toApiVersion } from '../../machinery/object/object.ts';
import type { Column, ResourceDefinition, Verb } from '../../machinery/object/resource-definition.ts';
import { decodeObject } from '../../machinery/schema/decode.ts';
import { compileStructural, type StructuralSchema } from '../../machinery/schema/structural.ts';
import { validateCustom } from '../../machinery/schema/validate-custom.ts';
import { humanDuration } from '../../machinery/values/human-duration.ts';
import { parseJsonPath } from '../../machinery/values/json-path.ts';
import { cloneJson } from '../registry/clone-json.ts';
import { isSame } from '../registry/equality.ts';
import { compareVersions } from './version-order.ts';

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
    convert: converter(own, { group, version: storageVersion }, structural),
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
      validateStatusUpdate: (object) => validateStatus(object, structural.schema),
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
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
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

/** Judges the status alone; upstream's sentences name its fields without it. */
function validateStatus(object: AnyObject, schema: JSONSchemaProps): readonly FieldError[] {
  const statusSchema = schema.properties?.['status'];
  if (statusSchema === undefined || object['status'] === undefined) return [];
  const faults = validateCustom(object['status'], statusSchema);
  return faults.map(
    ({ reason, field, value, detail }) =>
      new FieldError(reason, field === '' ? 'status' : `status.${field}`, value, detail),
  );
}

/**
 * Conversion by the strategy `None`: versions differ in name only. Defaults that came after an object was stored are
 * filled when it is read. Undefined where stored objects are served as they are.
 */
function converter(
  served: { group: string; version: string },
  stored: { group: string; version: string },
  structural: StructuralSchema,
): ResourceDefinition['convert'] {
  const isStored = served.version === stored.version;
  const hasDefaults = JSON.stringify(structural.schema).includes('"default":');
  if (isStored && !hasDefaults) return undefined;
  return {
    fromStorage(object) {
      const named = isStored ? object : { ...object, apiVersion: toApiVersion(served) };
      const pruned = isStored ? named : decodeObject(named, structural.shape, { unknownFields: 'drop' }).object;
      if (!hasDefaults) return pruned;
      const filled = cloneJson(pruned);
      structural.applyDefaults(filled);
      return isSame(filled, pruned) ? pruned : filled;
    },
    toStorage: (object) => (isStored ? object : { ...object, apiVersion: toApiVersion(stored) }),
  };
}

/** What everybody hears who asks for a version that is to go. Source: apiextensions `customresource_handler.go`. */
export function deprecationOf(crd: CustomResourceDefinition, versionName: string): string | undefined {
  const { group, names, versions } = crd.spec;
  const version = versions.find(({ name }) => name === versionName);
  if (version?.deprecated !== true) return undefined;
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const text = `${group}/${versionName} ${names.kind} is deprecated`;
  const [best] = versions
    .filter(({ served, deprecated, name }) => served && !deprecated && compareVersions(name, versionName) < 0)
    .map(({ name }) => name)
    .sort(compareVersions);
  return best === undefined ? text : `${text}; use ${group}/${best} ${names.kind}`;
}
