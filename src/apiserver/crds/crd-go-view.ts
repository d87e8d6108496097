import type { JSONSchemaProps, ValidationRule } from '../../generated/api/apiextensions/v1.ts';
import type { CrdVersionView } from './crd-view.ts';

/** Upstream's messages show internal Go structs: every field in order, under its Go name, with its zero value. */

type View = Readonly<Record<string, unknown>>;

/** Go's field, the JSON field, and the zero value or how to show one that is set. */
const schemaFields: readonly (readonly [string, keyof JSONSchemaProps, unknown, ((value: never) => unknown)?])[] = [
  ['ID', 'id', ''],
  ['Schema', '$schema', ''],
  ['Ref', '$ref', null],
  ['Description', 'description', ''],
  ['Type', 'type', ''],
  ['Nullable', 'nullable', false],
  ['Format', 'format', ''],
  ['Title', 'title', ''],
  ['Default', 'default', null],
  ['Maximum', 'maximum', null],
  ['ExclusiveMaximum', 'exclusiveMaximum', false],
  ['Minimum', 'minimum', null],
  ['ExclusiveMinimum', 'exclusiveMinimum', false],
  ['MaxLength', 'maxLength', null],
  ['MinLength', 'minLength', null],
  ['Pattern', 'pattern', ''],
  ['MaxItems', 'maxItems', null],
  ['MinItems', 'minItems', null],
  ['UniqueItems', 'uniqueItems', false],
  ['MultipleOf', 'multipleOf', null],
  ['Enum', 'enum', null],
  ['MaxProperties', 'maxProperties', null],
  ['MinProperties', 'minProperties', null],
  ['Required', 'required', null],
  ['Items', 'items', null, itemsView],
  ['AllOf', 'allOf', null, listView],
  ['OneOf', 'oneOf', null, listView],
  ['AnyOf', 'anyOf', null, listView],
  ['Not', 'not', null, schemaView],
  ['Properties', 'properties', null, mapView],
  ['AdditionalProperties', 'additionalProperties', null, schemaOrBoolView],
  ['PatternProperties', 'patternProperties', null, mapView],
  ['Dependencies', 'dependencies', null, dependenciesView],
  ['AdditionalItems', 'additionalItems', null, schemaOrBoolView],
  ['Definitions', 'definitions', null, mapView],
  [
    'ExternalDocs',
    'externalDocs',
    null,
    ({ description = '', url = '' }: { description?: string; url?: string }) => ({
      Description: description,
      URL: url,
    }),
  ],
  ['Example', 'example', null],
  ['XPreserveUnknownFields', 'x-kubernetes-preserve-unknown-fields', null],
  ['XEmbeddedResource', 'x-kubernetes-embedded-resource', false],
  ['XIntOrString', 'x-kubernetes-int-or-string', false],
  ['XListMapKeys', 'x-kubernetes-list-map-keys', null],
  ['XListType', 'x-kubernetes-list-type', null],
  ['XMapType', 'x-kubernetes-map-type', null],
  ['XValidations', 'x-kubernetes-validations', null, (rules: ValidationRule[]) => rules.map(ruleView)],
];

/** The Go names of the fields of a schema that are set, in Go's order. */
export function setFieldsOf(schema: JSONSchemaProps): readonly string[] {
  return schemaFields
    .filter(([, name, zero]) => schema[name] !== undefined && schema[name] !== null && schema[name] !== zero)
    .map(([goName]) => goName);
}

export function schemaView(schema: JSONSchemaProps): View {
  return Object.fromEntries(
    schemaFields.map(([goName, name, zero, show]) => {
      const value = schema[name];
      if (value === undefined || value === null) return [goName, zero];
      return [goName, show === undefined ? value : show(value as never)];
    }),
  );
}

function listView(schemas: readonly JSONSchemaProps[]): unknown {
  return schemas.map(schemaView);
}

/** Go writes maps in the order of their keys. */
function mapView(schemas: Readonly<Record<string, JSONSchemaProps>>): View {
  return Object.fromEntries(
    Object.keys(schemas)
      .sort()
      .map((name) => [name, schemaView(schemas[name] ?? {})]),
  );
}

export function itemsView(items: JSONSchemaProps | readonly JSONSchemaProps[]): View {
  if (Array.isArray(items)) return { Schema: null, JSONSchemas: listView(items) };
  return { Schema: Object.keys(items).length === 0 ? null : schemaView(items as JSONSchemaProps), JSONSchemas: null };
}

function schemaOrBoolView(value: JSONSchemaProps | boolean): View {
  if (typeof value === 'boolean') return { Allows: value, Schema: null };
  return { Allows: true, Schema: schemaView(value) };
}

function dependenciesView(dependencies: Readonly<Record<string, JSONSchemaProps | string[]>>): View {
  return Object.fromEntries(
    Object.keys(dependencies)
      .sort()
      .map((name) => {
        const value = dependencies[name];
        return [
          name,
          Array.isArray(value)
            ? { Schema: null, Property: value }
            : { Schema: schemaView(value ?? {}), Property: null },
        ];
      }),
  );
}

export function ruleView(rule: ValidationRule): View {
  return {
    Rule: rule.rule ?? '',
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
}

export function versionView(version: CrdVersionView): View {
  const { schema, subresources, columns, selectableFields } = version;
  const scale = subresources?.scale;
  return {
    Name: version.name,
    Served: version.served,
    Storage: version.storage,
    Deprecated: version.deprecated,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema:
      schema === undefined
        ? null
        : { OpenAPIV3Schema: schema.openAPIV3Schema === undefined ? null : schemaView(schema.openAPIV3Schema) },
    Subresources:
      subresources === undefined
        ? null
        : {
            Status: subresources.status === undefined ? null : {},
            Scale:
              scale === undefined
                ? null
                : {
                    SpecReplicasPath: scale.specReplicasPath ?? '',
                    StatusReplicasPath: scale.statusReplicasPath ?? '',
                    LabelSelectorPath: scale.labelSelectorPath ?? null,
                  },
          },
    AdditionalPrinterColumns:
      columns === undefined
        ? null
        : columns.map((column) => ({
            Name: column.name ?? '',
            Type: column.type ?? '',
            Format: column.format ?? '',
            Description: column.description ?? '',
            Priority: column.priority ?? 0,
            JSONPath: column.jsonPath ?? '',
          })),
    SelectableFields:
      selectableFields === undefined ? null : selectableFields.map(({ jsonPath }) => ({ JSONPath: jsonPath ?? '' })),
  };
}
