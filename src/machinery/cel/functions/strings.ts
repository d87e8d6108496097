import { DYN, INT, listOf, STRING } from '../cel-type.ts';
import { CelError, type CelValue } from '../values.ts';
import { type FunctionDecl, member, overload } from './function.ts';
import { formatText } from './text-format.ts';

const outOfRange = (at: bigint | number): CelError => new CelError(`index out of range: ${at}`);

function charAt(text: string, index: bigint): string {
  const points = [...text];
  if (index < 0n || index > BigInt(points.length)) throw outOfRange(index);
  return points[Number(index)] ?? '';
}

function indexOf(text: string, part: string, offset = 0n): bigint {
  if (part === '') return offset;
  const [points, wanted] = [[...text], [...part]];
  if (offset < 0n) throw outOfRange(offset);
  for (let at = Number(offset); at + wanted.length <= points.length; at++) {
    if (wanted.every((point, index) => points[at + index] === point)) return BigInt(at);
  }
  return -1n;
}

function lastIndexOf(text: string, part: string, offset?: bigint): bigint {
  const [points, wanted] = [[...text], [...part]];
  if (part === '') return offset ?? BigInt(points.length);
  if (offset === undefined && points.length === 0) return -1n;
  const from = offset ?? BigInt(points.length - 1);
  if (from < 0n) throw outOfRange(from);
  if (from >= BigInt(points.length)) return -1n;
  for (let at = Math.min(Number(from), points.length - wanted.length); at >= 0; at--) {
    if (wanted.every((point, index) => points[at + index] === point)) return BigInt(at);
  }
  return -1n;
}

function replace(text: string, old: string, next: string, count = -1n): string {
  if (count < 0n) return replaceAll(text, old, next);
  let result = '';
  let rest = text;
  for (let left = count; left > 0n; left--) {
    if (old === '') {
      const [first = ''] = rest;
      result += next + first;
      if (rest === '') break;
      rest = rest.slice(first.length);
      continue;
    }
    const at = rest.indexOf(old);
    if (at < 0) break;
    result += rest.slice(0, at) + next;
    rest = rest.slice(at + old.length);
  }
  return result + rest;
}

function replaceAll(text: string, old: string, next: string): string {
  if (old !== '') return text.split(old).join(next);
  return next + [...text].map((point) => point + next).join('');
}

function split(text: string, separator: string, limit = -1n): readonly string[] {
  const parts = separator === '' ? [...text] : text.split(separator);
  if (limit === 0n) return [];
  if (limit < 0n || BigInt(parts.length) <= limit) return parts;
  const count = Number(limit);
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
}

function substring(text: string, start: bigint, end?: bigint): string {
  const points = [...text];
  const size = BigInt(points.length);
  if (end !== undefined && start > end) throw new CelError(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0n || start > size) throw outOfRange(start);
  if (end !== undefined && (end < 0n || end > size)) throw outOfRange(end);
  return points.slice(Number(start), end === undefined ? undefined : Number(end)).join('');
}

function join(list: readonly CelValue[], separator = ''): string {
  for (const item of list) if (typeof item !== 'string') throw new CelError(`join: invalid input: ${String(item)}`);
  return list.join(separator);
}

const quoted: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

const quote = (text: string): string => `"${[...text].map((char) => quoted[char] ?? char).join('')}"`;
const SPACE = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const trimmed = new RegExp(`^${SPACE}|${SPACE}$`, 'g');

/** The string library in its version 2. Source: cel-go `ext/strings.go`. */
export const stringFunctions: readonly FunctionDecl[] = [
  { name: 'charAt', overloads: [member('string_char_at_int', [STRING, INT], STRING, charAt)] },
  {
    name: 'indexOf',
    overloads: [
      member('string_index_of_string', [STRING, STRING], INT, indexOf),
      member('string_index_of_string_int', [STRING, STRING, INT], INT, indexOf),
    ],
  },
  {
    name: 'lastIndexOf',
    overloads: [
      member('string_last_index_of_string', [STRING, STRING], INT, lastIndexOf),
      member('string_last_index_of_string_int', [STRING, STRING, INT], INT, lastIndexOf),
    ],
  },
  {
    name: 'lowerAscii',
    overloads: [
      member('string_lower_ascii', [STRING], STRING, (text: string) =>
        text.replace(/[A-Z]+/g, (part) => part.toLowerCase()),
      ),
    ],
  },
  {
    name: 'upperAscii',
    overloads: [
      member('string_upper_ascii', [STRING], STRING, (text: string) =>
        text.replace(/[a-z]+/g, (part) => part.toUpperCase()),
      ),
    ],
  },
  {
    name: 'replace',
    overloads: [
      member('string_replace_string_string', [STRING, STRING, STRING], STRING, replace),
      member('string_replace_string_string_int', [STRING, STRING, STRING, INT], STRING, replace),
    ],
  },
  {
    name: 'split',
    overloads: [
      member('string_split_string', [STRING, STRING], listOf(STRING), split),
      member('string_split_string_int', [STRING, STRING, INT], listOf(STRING), split),
    ],
  },
  {
    name: 'substring',
    overloads: [
      member('string_substring_int', [STRING, INT], STRING, substring),
      member('string_substring_int_int', [STRING, INT, INT], STRING, substring),
    ],
  },
  { name: 'trim', overloads: [member('string_trim', [STRING], STRING, (text: string) => text.replace(trimmed, ''))] },
  { name: 'format', overloads: [member('string_format', [STRING, listOf(DYN)], STRING, formatText)] },
  { name: 'strings.quote', overloads: [overload('strings_quote', [STRING], STRING, quote)] },
  {
    name: 'join',
    overloads: [
      member('list_join', [listOf(STRING)], STRING, join),
      member('list_join_string', [listOf(STRING), STRING], STRING, join),
    ],
  },
];
