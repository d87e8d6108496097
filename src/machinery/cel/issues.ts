/** What is wrong with an expression, and where. */
export interface Issue {
  readonly at: number;
  readonly message: string;
}

/**
 * Issues as upstream shows them: each with its line and a mark below it.
 * Source: cel-go `common/{error,errors}.go` (ToDisplayString).
 */
export function toIssueText(issues: readonly Issue[], source: string): string {
  const lines = source.split('\n');
  const placed = issues.map(({ at, message }) => {
    const before = source.slice(0, at).split('\n');
    return { message, line: before.length, column: [...(before.at(-1) ?? '')].length };
  });
  placed.sort((a, b) => a.line - b.line || a.column - b.column);
  return placed
    .map(({ message, line, column }) => {
      const text = (lines[line - 1] ?? '').replaceAll('\t', ' ');
      const head = `ERROR: <input>:${line}:${column + 1}: ${message}`;
      return `${head}\n | ${text}\n | ${markBelow(text, column)}`;
    })
    .join('\n');
}

/** Dots as wide as what stands before the place; wide characters get wide ones. */
function markBelow(text: string, column: number): string {
  const before = [...text].slice(0, column);
  const dots = before.map((char) => (Buffer.byteLength(char) > 1 ? '\uFF0E' : '.')).join('');
  const at = [...text][column];
  return `${dots}${at !== undefined && Buffer.byteLength(at) > 1 ? '\uFF3E' : '^'}`;
}
