/** Columns after which upstream's writer breaks a scalar at the next space. */
const WIDTH = 80;

/**
 * JSON as YAML, byte for byte as upstream writes it: keys sorted, lists not indented, plain scalars where they can be.
 *
 * Source: go-yaml v2 `encode.go`, `emitterc.go`, `sorter.go`, `resolve.go`.
 */
export function toYaml(value: unknown): string {
  const text = node(value, 0, 0);
  return `${text.replace(/^[\n ]+/, '')}\n`;
}

/** @param column - where the text will begin, for the breaking of lines. */
function node(value: unknown, indent: number, column: number): string {
  if (Array.isArray(value)) return sequence(value, indent);
  if (typeof value === 'object' && value !== null) return mapping(value as Record<string, unknown>, indent);
  if (typeof value === 'string') return ` ${scalar(value, indent, column + 1, false)}`;
  return ` ${value === null || value === undefined ? 'null' : String(value)}`;
}

function mapping(fields: Record<string, unknown>, indent: number): string {
  const keys = Object.keys(fields).filter((key) => fields[key] !== undefined);
  if (keys.length === 0) return ' {}';
  const lines = keys.sort(compareKeys).map((key) => {
    const name = `${scalar(key, indent, indent, true)}:`;
    const value = fields[key];
    // Lists stand below their key, everything else one level in.
    const inner = Array.isArray(value) ? indent : indent + 2;
    return `${pad(indent)}${name}${node(value, inner, indent + name.length)}`;
  });
  return `\n${lines.join('\n')}`;
}

function sequence(items: readonly unknown[], indent: number): string {
  if (items.length === 0) return ' []';
  const lines = items.map((item) => {
    const text = node(item, indent + 2, indent + 1);
    // The first line of what is nested follows the dash.
    const rest = text.startsWith('\n') ? ` ${text.slice(1 + indent + 2)}` : text;
    return `${pad(indent)}-${rest}`;
  });
  return `\n${lines.join('\n')}`;
}

function pad(indent: number): string {
  return ' '.repeat(indent);
}

function scalar(text: string, indent: number, column: number, isKey: boolean): string {
  const shape = analyze(text);
  if (text.includes('\n') && !isKey && shape.block) return literal(text, indent);
  if (text.includes('\n') || resolvesOtherwise(text)) return quoted(text, indent, column, isKey);
  if (shape.plain) return isKey ? text : broken(text, indent, column);
  return shape.single ? single(text, indent, column, isKey) : quoted(text, indent, column, isKey);
}

interface Styles {
  readonly plain: boolean;
  readonly single: boolean;
  readonly block: boolean;
}

const FIRST_INDICATORS = /^[#,[\]{}&*!|>'"%@`]/;

function analyze(text: string): Styles {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what cannot be printed is what is looked for
  const special = /[\u0000-\u0009\u000b-\u001f\u007f-\u0084\u0086-\u009f\ufeff\ufffe\uffff]/.test(text);
  const spaceBreak = / \n/.test(text);
  const breakSpace = /\n /.test(text);
  const edges = /^[ \n]|[ \n]$/.test(text);
  const indicators =
    FIRST_INDICATORS.test(text) || /^(---|\.\.\.)/.test(text) || /^[?:-](\s|$)/.test(text) || /:(\s|$)|\s#/.test(text);
  return {
    plain: !special && !spaceBreak && !breakSpace && !edges && !indicators && !text.includes('\n'),
    single: !special && !spaceBreak && !breakSpace,
    block: !special && !spaceBreak && !text.endsWith(' '),
  };
}

const words = new Set([
  ...['', '~', 'null', 'Null', 'NULL', '<<', 'y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'],
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF', '.nan', '.NaN', '.NAN'],
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF', '-.inf', '-.Inf', '-.INF'],
]);

/** Whether the text would be read as something else than a string. */
function resolvesOtherwise(text: string): boolean {
  if (words.has(text)) return true;
  if (!/^[-+.\d]/.test(text)) return false;
  const bare = text.replaceAll('_', '');
  return (
    /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(bare) ||
    /^[-+]?0(x[\da-fA-F]+|o[0-7]+|b[01]+)$/i.test(bare) ||
    /^[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?$/.test(text) ||
    /^\d{4}-\d{1,2}-\d{1,2}([Tt ]\d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?(Z|[-+]\d\d:\d\d)?)?$/.test(text)
  );
}

function literal(text: string, indent: number): string {
  const keep = text.endsWith('\n\n') || text === '\n' ? '+' : text.endsWith('\n') ? '' : '-';
  const hint = /^[ \n]/.test(text) ? '2' : '';
  const body = text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => (line === '' ? '' : `${pad(indent)}${line}`))
    .join('\n');
  return `|${hint}${keep}\n${body}`;
}

/** Breaks a text at single spaces beyond the width. */
function broken(text: string, indent: number, column: number): string {
  let at = column;
  let result = '';
  for (let index = 0; index < text.length; index++) {
    const char = text[index] as string;
    const breaks =
      char === ' ' &&
      at > WIDTH &&
      index > 0 &&
      text[index - 1] !== ' ' &&
      text[index + 1] !== ' ' &&
      index < text.length - 1;
    if (breaks) {
      result += `\n${pad(indent)}`;
      at = indent;
    } else {
      result += char;
      at += 1;
    }
  }
  return result;
}

function single(text: string, indent: number, column: number, isKey: boolean): string {
  const escaped = text.replaceAll("'", "''");
  return `'${isKey ? escaped : broken(escaped, indent, column + 1)}'`;
}

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\u001b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
  '\ufeff': '\\uFEFF',
};

function quoted(text: string, indent: number, column: number, isKey: boolean): string {
  let result = '';
  let at = column + 1;
  const chars = [...text];
  for (const [index, char] of chars.entries()) {
    const breaks =
      !isKey && char === ' ' && at > WIDTH && index > 0 && index < chars.length - 1 && chars[index - 1] !== ' ';
    if (breaks) {
      result += `\n${pad(indent)}`;
      at = indent;
      if (chars[index + 1] === ' ') result += '\\';
      continue;
    }
    const written = escapes[char] ?? (char < ' ' || char === '\u007f' ? toHex(char) : char);
    result += written;
    at += written.length;
  }
  return `"${result}"`;
}

function toHex(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

const isDigit = (char: string | undefined): boolean => char !== undefined && /\d/.test(char);
const isLetter = (char: string): boolean => /\p{L}/u.test(char);

/** Letters by their code, digits by their number, and letters behind everything else unless a digit stands before. */
function compareKeys(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  let digits = false;
  for (let i = 0; i < left.length && i < right.length; i++) {
    const x = left[i] as string;
    const y = right[i] as string;
    if (x === y) {
      digits = isDigit(x);
      continue;
    }
    if (isLetter(x) && isLetter(y)) return x < y ? -1 : 1;
    if (isLetter(x) || isLetter(y)) return (digits ? isLetter(x) : isLetter(y)) ? -1 : 1;
    const [m, n] = [numberAt(left, i), numberAt(right, i)];
    if (m.value !== n.value) return m.value - n.value;
    if (m.length !== n.length) return m.length - n.length;
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

function numberAt(chars: readonly string[], start: number): { value: number; length: number } {
  let end = start;
  while (isDigit(chars[end])) end++;
  return { value: Number(chars.slice(start, end).join('')), length: end - start };
}
