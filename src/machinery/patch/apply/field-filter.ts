import { FieldSet } from './field-set.ts';

/** What an endpoint lets its callers own of the fields that they set. */
export type FieldFilter = (fields: FieldSet) => FieldSet;

/** Everything but some fields and what is below them, each a dotted path such as `status.conditions`. */
export function allExcept(...paths: readonly string[]): FieldFilter {
  const excluded = new FieldSet();
  for (const path of paths) excluded.insert(toElements(path));
  return (fields) => fields.without(excluded);
}

function toElements(path: string): readonly string[] {
  return path.split('.').map((name) => `f:${name}`);
}
