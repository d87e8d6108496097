import type { CustomResourceSubresourceScale, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldInvalid } from '../../machinery/errors/field-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import type { Strategy } from '../../machinery/object/resource-definition.ts';
import { Correlated } from '../../machinery/schema/correlated.ts';
import { validateEmbedded } from '../../machinery/schema/embedded-objects.ts';
import { validateListTypes } from '../../machinery/schema/list-types.ts';
import { schemaOf } from '../../machinery/schema/read-schema.ts';
import type { StructuralSchema } from '../../machinery/schema/structural.ts';
import { validateCustom } from '../../machinery/schema/validate-custom.ts';
import { finalizerWarnings } from './finalizer-warnings.ts';
import { specScaleFaults, statusScaleFaults } from './scale-validation.ts';

/** Judges objects by the rules (`x-kubernetes-validations`) of their schema. */
export interface ObjectRules {
  /**
   * @param previous - The object before an update.
   * @param correlated - The object beside it: rules that what did not change breaks only warn.
   */
  validate(
    object: AnyObject,
    previous: AnyObject | undefined,
    correlated: Correlated | undefined,
  ): { readonly faults: readonly FieldError[]; readonly warnings: readonly string[] };
}

export interface CustomStrategyParts {
  readonly kind: string;
  readonly apiVersion: string;
  readonly structural: StructuralSchema;
  readonly scale: CustomResourceSubresourceScale | undefined;
  /** Undefined where the schema has no rules. */
  readonly rules: ObjectRules | undefined;
}

/**
 * The rules of custom objects.
 *
 * Source: apiextensions-apiserver `pkg/registry/customresource/{strategy,status_strategy,validator}.go`.
 */
export function customStrategy(parts: CustomStrategyParts): Strategy<AnyObject> {
  const { structural, scale } = parts;
  const { schema } = structural;
  const statusSchema = schemaOf(schema.properties?.['status']);
  /** What rules warned of while the update was judged, until it is asked for. */
  const warned = new WeakMap<AnyObject, readonly string[]>();
  const withRules = (
    faults: readonly FieldError[],
    object: AnyObject,
    previous: AnyObject | undefined,
    correlated: Correlated | undefined,
  ): readonly FieldError[] => {
    if (parts.rules === undefined) return faults;
    if (faults.some(({ reason }) => blocking.has(reason))) return [...faults, unchecked];
    const found = parts.rules.validate(object, previous, correlated);
    warned.set(object, found.warnings);
    return [...faults, ...found.faults];
  };
  return {
    applyDefaults: (object) => structural.applyDefaults(object),
    validateCreate(object) {
      const type = typeFaults(object, parts);
      const own =
        type.length > 0
          ? type
          : [...validateCustom(object, schema), ...specScaleFaults(object, scale), ...statusScaleFaults(object, scale)];
      const faults = [...own, ...validateEmbedded(object, schema), ...validateListTypes(object, schema)];
      return withRules(faults, object, undefined, undefined);
    },
    validateUpdate(next, previous) {
      const correlated = new Correlated(next, previous, schema);
      const type = typeFaults(next, parts);
      const own =
        type.length > 0
          ? type
          : [
              ...validateCustom(next, schema, { correlated }),
              ...specScaleFaults(next, scale),
              ...statusScaleFaults(next, scale),
            ];
      const faults = [...own, ...validateEmbedded(next, schema), ...newListFaults(next, previous, schema)];
      return withRules(faults, next, previous, correlated);
    },
    validateStatusUpdate(next, previous) {
      const correlated = new Correlated(next, previous, schema);
      const type = typeFaults(next, parts);
      const own =
        type.length > 0
          ? type
          : [...statusFaults(next, previous, statusSchema, correlated), ...statusScaleFaults(next, scale)];
      return withRules([...own, ...newListFaults(next, previous, schema)], next, previous, correlated);
    },
    warningsOnCreate: (object) => finalizerWarnings(object.metadata.finalizers ?? []),
    warningsOnUpdate(next, previous) {
      const before = new Set(previous.metadata.finalizers ?? []);
      const added = (next.metadata.finalizers ?? []).filter((name) => !before.has(name));
      return [...(warned.get(next) ?? []), ...finalizerWarnings(added)];
    },
  };
}

/** Faults after which rules cannot be trusted to see what they expect. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const unchecked = fieldInvalid(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
);

function typeFaults(object: AnyObject, { kind, apiVersion }: CustomStrategyParts): readonly FieldError[] {
  return [
    ...(object.kind === kind ? [] : [fieldInvalid('kind', object.kind ?? '', `must be ${kind}`)]),
    ...(object.apiVersion === apiVersion
      ? []
      : [fieldInvalid('apiVersion', object.apiVersion ?? '', `must be ${apiVersion}`)]),
  ];
}

/** Objects that had repeated items before may keep them. */
function newListFaults(next: AnyObject, previous: AnyObject, schema: JSONSchemaProps): readonly FieldError[] {
  const faults = validateListTypes(next, schema);
  return faults.length > 0 && validateListTypes(previous, schema).length > 0 ? [] : faults;
}

/** Judges the status alone; upstream's sentences name its fields without it. */
function statusFaults(
  next: AnyObject,
  previous: AnyObject,
  schema: JSONSchemaProps | undefined,
  correlated: Correlated,
): readonly FieldError[] {
  const { status } = next;
  if (schema === undefined || status === undefined) return [];
  const below = correlated.key('status') ?? new Correlated(status, previous['status'], schema);
  return validateCustom(status, schema, { path: 'status', correlated: below });
}
