import { createRequire } from 'node:module';
import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { hasSchemaWith } from '../../machinery/schema/read-schema.ts';

type RuleEngine = typeof import('./rules/engine.ts');

/** What judges rules, loaded with the first schema that has any; undefined for schemas without. */
export function rulesEngineFor(schema: JSONSchemaProps): RuleEngine | undefined {
  const has = hasSchemaWith(schema, (each) => (each['x-kubernetes-validations'] ?? []).length > 0);
  return has ? (createRequire(import.meta.url)('./rules/engine.ts') as RuleEngine) : undefined;
}
