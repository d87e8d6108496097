const marks = /[<>&\u2028\u2029]/;
const everyMark = new RegExp(marks, 'g');

/**
 * JSON as Go writes it: what HTML or JavaScript could take for its own is escaped, which changes no value. Clients compare
 * raw parts of objects, such as the data of revisions, byte by byte. Source: Go `encoding/json` (HTMLEscape).
 */
export function escapeAsGo(json: string): string {
  if (!marks.test(json)) return json;
  return json.replace(everyMark, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A value with its keys in the order in which Go writes those of maps: by their bytes. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(fields)
      .sort()
      .map((key) => [key, sortKeys(fields[key])]),
  );
}
