import type { JSONSchemaProps } from '../../../generated/api/apiextensions/v1.ts';
import type { RuleCheck } from '../../../machinery/schema/structural-defaults.ts';
import type { ObjectRules } from '../custom-strategy.ts';
import { RuleValidator } from './rule-validator.ts';

export { judgeRules } from './rule-context.ts';

/** The rules for whole objects of a schema that has some. */
export function rulesFor(schema: JSONSchemaProps): ObjectRules {
  const validator = RuleValidator.of(schema, true);
  return {
    validate: (object, previous, correlated) =>
      validator?.validate(object, previous, { correlated }) ?? { faults: [], warnings: [] },
  };
}

/** Judges a default: as a value that stays the same, and as one that is new. */
export const checkDefaultRules: RuleCheck = (schema, value, path, isRoot) => {
  const validator = RuleValidator.of(schema, isRoot);
  if (validator === undefined) return [];
  const { faults } = validator.validate(value, value, { path });
  return faults.length > 0 ? faults : validator.validate(value, undefined, { path }).faults;
};
