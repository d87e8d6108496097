import type { CustomResourceDefinition, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { isDeepEqual } from '../../machinery/schema/json-values.ts';
import { hasSchemaWith } from '../../machinery/schema/read-schema.ts';
import { hasPrunedDefaults } from '../../machinery/schema/structural-defaults.ts';
import { structuralObstacle, validateStructural } from '../../machinery/schema/structural-rules.ts';
import { isConditionTrue } from './conditions.ts';
import { type ConversionCheck, isCaBundle, speaksReview } from './crd-conversion-validation.ts';
import { type CrdView, schemasOf, viewCrd } from './crd-view.ts';
import { atomicSetFaults, mapKeyFaults } from './list-type-validation.ts';
import { SCHEMA_TYPES, type SchemaCheck } from './schema-validation.ts';

export const MAX_SELECTABLE_FIELDS = 8;

/** How strictly a definition is judged: an update may keep what was wrong before. */
export interface CrdOptions extends SchemaCheck, ConversionCheck {
  readonly requiresSchema: boolean;
  readonly requiresStructural: boolean;
  readonly requiresPrunedDefaults: boolean;
  /** Versions (empty for what all share) that may keep too many selectable fields. */
  readonly manySelectable: ReadonlySet<string>;
  /** Versions whose schema did not change: the cost of their rules was judged before. */
  readonly unchangedSchemas: ReadonlySet<string>;
}

export const createOptions: CrdOptions = {
  requiresSchema: true,
  requiresStructural: true,
  requiresPrunedDefaults: true,
  requiresKnownTypes: true,
  requiresAtomicSets: true,
  requiresMapKeys: true,
  requiresKnownReview: true,
  allowsInvalidCaBundle: true,
  manySelectable: new Set(),
  unchangedSchemas: new Set(),
};

/** Source: apiextensions-apiserver `validation.go` (ValidateCustomResourceDefinitionUpdate). */
export function updateOptions(next: CrdView, previous: CustomResourceDefinition): CrdOptions {
  const old = viewCrd(previous);
  const schemas = schemasOf(old);
  const none = (holds: (schema: JSONSchemaProps) => boolean): boolean =>
    !schemas.some((schema) => hasSchemaWith(schema, holds));
  const conversion = previous.spec.conversion;
  const caBundle = conversion?.webhook?.clientConfig?.caBundle ?? '';
  return {
    requiresSchema:
      old.schema?.openAPIV3Schema !== undefined ||
      old.versions.every(({ schema }) => schema?.openAPIV3Schema !== undefined),
    requiresStructural: schemas.every(isStructural),
    requiresPrunedDefaults: schemas.every((schema) => !isStructural(schema) || hasPrunedDefaults(schema)),
    requiresKnownTypes: none(({ type }) => Boolean(type) && !SCHEMA_TYPES.includes(type ?? '')),
    requiresAtomicSets: none((schema) => atomicSetFaults(schema, '').length > 0),
    requiresMapKeys: none((schema) => mapKeyFaults(schema, '').length > 0),
    requiresKnownReview: speaksReview(conversion?.webhook?.conversionReviewVersions ?? []),
    allowsInvalidCaBundle: !isConditionTrue(previous, 'Established') || (caBundle !== '' && !isCaBundle(caBundle)),
    manySelectable: manySelectable(next, old),
    unchangedSchemas: unchangedSchemas(next, old),
  };
}

function isStructural(schema: JSONSchemaProps): boolean {
  return structuralObstacle(schema) === undefined && validateStructural(schema, '').length === 0;
}

function manySelectable(next: CrdView, old: CrdView): ReadonlySet<string> {
  const found = new Set<string>();
  const isKept = (now: CrdView['selectableFields'], before: CrdView['selectableFields']): boolean =>
    (before ?? []).length > MAX_SELECTABLE_FIELDS && isDeepEqual(now, before);
  if (isKept(next.selectableFields, old.selectableFields)) found.add('');
  for (const { name, selectableFields } of next.versions) {
    const before = old.versions.find((version) => version.name === name);
    if (isKept(selectableFields, before?.selectableFields)) found.add(name);
  }
  return found;
}

function unchangedSchemas(next: CrdView, old: CrdView): ReadonlySet<string> {
  const schemaIn = (view: CrdView, name: string): JSONSchemaProps | undefined => {
    const version = view.versions.find((each) => each.name === name);
    return version === undefined ? undefined : (view.schema ?? version.schema)?.openAPIV3Schema;
  };
  const names = next.versions.map(({ name }) => name);
  return new Set(
    names.filter((name) => {
      const before = schemaIn(old, name);
      return before !== undefined && isDeepEqual(schemaIn(next, name), before);
    }),
  );
}
