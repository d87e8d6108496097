import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { type FieldError, fieldForbidden, fieldInvalid } from '../../machinery/errors/field-error.ts';
import { type RuleCheck, validateDefaults } from '../../machinery/schema/structural-defaults.ts';
import { structuralObstacle, validateStructural } from '../../machinery/schema/structural-rules.ts';
import { schemaView, setFieldsOf } from './crd-go-view.ts';
import type { CrdOptions } from './crd-options.ts';
import { rulesEngineFor } from './load-rules.ts';
import { validateSchema } from './schema-validation.ts';

/** What the root of a schema may say where the status is judged apart. */
const ROOT_FIELDS =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations'.split(
    ' ',
  );

/**
 * The schema of one version, or the one that all versions share.
 * Source: apiextensions-apiserver `validation.go` (validateCustomResourceDefinitionValidation).
 */
export function validateVersionSchema(
  validation: { readonly openAPIV3Schema?: JSONSchemaProps | undefined } | undefined,
  place: string,
  { hasStatus, version, options }: { hasStatus: boolean; version: string; options: CrdOptions },
): readonly FieldError[] {
  const schema = validation?.openAPIV3Schema;
  if (schema === undefined) return [];
  const path = `${place}.openAPIV3Schema`;
  const faults: FieldError[] = hasStatus ? [...rootFaults(schema, path)] : [];
  if (schema.nullable === true) faults.push(fieldForbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  const engine = options.requiresStructural ? rulesEngineFor(schema) : undefined;
  const obstacle = options.requiresStructural ? structuralObstacle(schema) : undefined;
  const found =
    options.requiresStructural && obstacle === undefined
      ? structuralFaults(schema, path, options, engine?.checkDefaultRules)
      : [];
  faults.push(...found);
  // Rules are judged in schemas that are structural, with valid defaults.
  const isFit = obstacle === undefined && found.length === 0;
  const ignoresCost = options.unchangedSchemas.has(version);
  const rules = isFit ? engine?.judgeRules(schema, { ignoresCost }) : undefined;
  faults.push(...validateSchema(schema, path, options, rules?.root));
  if (faults.length === 0 && obstacle !== undefined) faults.push(fieldInvalid(path, '', obstacle));
  return [...faults, ...(rules?.totalFaults(path) ?? [])];
}

function structuralFaults(
  schema: JSONSchemaProps,
  path: string,
  options: CrdOptions,
  checkRules: RuleCheck | undefined,
): readonly FieldError[] {
  const faults = validateStructural(schema, path);
  if (faults.length > 0) return faults;
  return validateDefaults(schema, path, { allowsUnpruned: !options.requiresPrunedDefaults, checkRules });
}

function rootFaults(schema: JSONSchemaProps, path: string): readonly FieldError[] {
  for (const field of setFieldsOf(schema)) {
    if (field === 'Type') {
      if (schema.type === 'object') continue;
      const why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      return [fieldInvalid(`${path}.type`, schema.type, why)];
    }
    if (ROOT_FIELDS.includes(field)) continue;
    const why = `only [${ROOT_FIELDS.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`;
    return [fieldInvalid(path, schemaView(schema), why)];
  }
  return [];
}
