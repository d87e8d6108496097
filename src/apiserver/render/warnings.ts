/** Characters that one header may hold. Source: apiserver `endpoints/filters/warning.go`. */
const MOST_CHARACTERS = 4 * 1024;

/**
 * `Warning` headers, one for each sentence; undefined where there is none. They travel in one header field, separated as
 * HTTP allows.
 */
export function toWarningHeaders(warnings: readonly string[]): string | undefined {
  const headers: string[] = [];
  let characters = 0;
  for (const text of warnings) {
    const header = `299 - ${quote(text)}`;
    characters += header.length;
    if (characters > MOST_CHARACTERS) break;
    headers.push(header);
  }
  return headers.length === 0 ? undefined : headers.join(', ');
}

/** A quoted string without line breaks and control characters. */
function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  const clean = text.replace(/[\u0000-\u001f\u007f]+/g, ' ');
  return `"${clean.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
