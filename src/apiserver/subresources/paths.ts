/** Reads the value under a dotted path such as `.spec.replicas`; undefined where something on the way is missing. */
export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const field of fieldsOf(path)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[field];
  }
  return value;
}

/** Sets the value under a dotted path and makes the objects on the way; `undefined` removes it. */
export function setValueAt(object: object, path: string, value: unknown): void {
  const fields = fieldsOf(path);
  const last = fields.pop();
  if (last === undefined) return;
  let target = object as Record<string, unknown>;
  for (const field of fields) {
    const inner = target[field];
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      target = inner as Record<string, unknown>;
      continue;
    }
    const made: Record<string, unknown> = {};
    target[field] = made;
    target = made;
  }
  if (value === undefined) delete target[last];
  else target[last] = value;
}

function fieldsOf(path: string): string[] {
  return path.replace(/^\./, '').split('.');
}
