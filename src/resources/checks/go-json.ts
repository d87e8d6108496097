/**
 * What Go says of a text that should be a JSON object; undefined where it is one.
 *
 * Source: Go encoding/json (scanner.go, decode.go).
 */
export function goJsonFault(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return syntaxFault(text);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return undefined;
  if (value === null) return undefined;
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
}

function syntaxFault(text: string): string {
  const rest = text.trimStart();
  if (rest === '') return 'unexpected end of JSON input';
  const first = rest.charAt(0);
  if (!/[[{"\-0-9tfn]/.test(first)) return `invalid character ${quote(first)} looking for beginning of value`;
  // A prefix of valid JSON ends too early; anything else stops at the first character that cannot follow.
  for (let end = 1; end <= rest.length; end++) if (!isPrefix(rest.slice(0, end))) return stopsAt(rest, end - 1);
  return 'unexpected end of JSON input';
}

/** Whether some text could be added to make it valid JSON. */
function isPrefix(text: string): boolean {
  for (const tail of completions(text)) {
    try {
      JSON.parse(text + tail);
      return true;
    } catch {
      // The next completion may fit.
    }
  }
  return false;
}

function completions(text: string): string[] {
  const closers: string[] = [];
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index);
    if (inString) {
      if (char === '\\') index++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{') closers.unshift('}');
    else if (char === '[') closers.unshift(']');
    else if (char === '}' || char === ']') closers.shift();
  }
  const end = closers.join('');
  const words = ['', '0', 'rue', 'ue', 'e', 'alse', 'lse', 'se', 'ull', 'll', 'l', '"":0', ':0', '":0', '"', '""'];
  return words.map((word) => word + end);
}

function stopsAt(text: string, index: number): string {
  const char = quote(text.charAt(index));
  const before = text.slice(0, index).trimEnd().at(-1) ?? '';
  if (before === '{' || before === ',') return `invalid character ${char} looking for beginning of object key string`;
  if (before === ':' || before === '[') return `invalid character ${char} looking for beginning of value`;
  return `invalid character ${char} after top-level value`;
}

function quote(char: string): string {
  return char === "'" ? `'\\''` : char === '"' ? `'"'` : `'${char}'`;
}
