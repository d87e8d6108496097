/** A JSON value as Go prints it with `%v`: `map[a:b c:[1 2]]`, keys sorted. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${key}:${goText(inner)}`);
  return `map[${entries.join(' ')}]`;
}
