import { NumberText, parseExactJson, parseFinite, parseJsonWithTexts } from './exact-numbers.ts';
import { parseMergingRepeated } from './merge-repeated.ts';

/** JSON that cannot be read; the message is Go's. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

export interface ParseOptions {
  readonly findDuplicates?: boolean;
  /**
   * As Go reads into structs: numbers that are not written as whole ones are told apart (see {@link NumberText}), and of
   * repeated objects each adds its fields to the former.
   */
  readonly intoStructs?: boolean;
}

export interface ParsedJson {
  readonly value: unknown;
  /** Paths of keys that stand twice in one object; only looked for when asked to. */
  readonly duplicates: readonly string[];
  /** Whether there are numbers beyond all that floating point holds, as {@link NumberText}. */
  readonly hasHugeNumbers: boolean;
}

/**
 * Reads JSON. @throws JsonSyntaxError with Go's sentence.
 *
 * @param options.findDuplicates - Also reports repeated keys. Costs little where there are none.
 */
export function parseJson(bytes: Buffer, options: ParseOptions = {}): ParsedJson {
  if (isTooDeep(bytes)) throw new JsonSyntaxError('exceeded max depth');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = parseExactJson(text);
  } catch (cause) {
    // Go reads bytes, of which each is a character here.
    throw new JsonSyntaxError(goSyntaxMessage(bytes.toString('latin1')), { cause });
  }
  const { findDuplicates: findsDuplicates = false, intoStructs = false } = options;
  let duplicates: readonly string[] = [];
  let hasHugeNumbers = false;
  if (findsDuplicates || intoStructs) {
    const { colons, hasFractions } = survey(bytes);
    const read = intoStructs && hasFractions ? parseJsonWithTexts : parseExactJson;
    const isSuspect = colons !== countKeys(value);
    if (intoStructs && isSuspect) value = parseMergingRepeated(text, read);
    else if (intoStructs && hasFractions) value = read(text);
    else if (hasFractions && /[eE]\+?\d{3}/.test(text)) {
      value = parseFinite(text, () => {
        hasHugeNumbers = true;
      });
    }
    if (findsDuplicates && isSuspect) duplicates = findDuplicates(text);
  }
  return { value: toWellFormed(value, text), duplicates, hasHugeNumbers };
}

/** Half characters, which only escapes can write, become the sign for what is unknown. */
function toWellFormed(value: unknown, text: string): unknown {
  return text.includes('\\ud') || text.includes('\\uD') ? withWellFormed(value) : value;
}

function withWellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  for (const [key, inner] of Object.entries(value)) {
    const clean = withWellFormed(inner);
    if (clean !== inner) (value as Record<string, unknown>)[key] = clean;
  }
  return value;
}

/** Source: Go's `encoding/json/scanner.go` (maxNestingDepth). */
const MAX_DEPTH = 10_000;

function isTooDeep(bytes: Buffer): boolean {
  if (bytes.length <= MAX_DEPTH) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      if (depth > MAX_DEPTH) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
}

/**
 * Colons outside of strings, in valid JSON: one for each key that was written. And whether there is a number with a point
 * or an exponent.
 */
function survey(bytes: Buffer): { readonly colons: number; readonly hasFractions: boolean } {
  let count = 0;
  let hasFractions = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x3a) count++;
    else if (byte === 0x2e || byte === 0x45 || (byte === 0x65 && isDigit(bytes[at - 1]))) hasFractions = true;
    else if (byte === 0x22) {
      for (at++; bytes[at] !== 0x22; at++) if (bytes[at] === 0x5c) at++;
    }
  }
  return { colons: count, hasFractions };
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Keys that are left in a value: of each that was written twice, one. */
function countKeys(value: unknown): number {
  let count = 0;
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null || next instanceof NumberText) continue;
    if (Array.isArray(next)) {
      for (const inner of next) if (typeof inner === 'object') left.push(inner);
      continue;
    }
    for (const key in next) {
      count++;
      const inner = (next as Record<string, unknown>)[key];
      if (typeof inner === 'object') left.push(inner);
    }
  }
  return count;
}

/** Walks valid JSON and names each key that an object has had before. */
function findDuplicates(text: string): string[] {
  const found = new Set<string>();
  const scan = { at: 0 };
  walk(text, scan, '', found);
  return [...found];
}

function walk(text: string, scan: { at: number }, path: string, found: Set<string>): void {
  skipBlanks(text, scan);
  const char = text[scan.at];
  if (char === '{') walkObject(text, scan, path, found);
  else if (char === '[') walkArray(text, scan, path, found);
  else if (char === '"') readString(text, scan);
  else while (scan.at < text.length && !/[\s,\]}]/.test(text[scan.at] as string)) scan.at++;
}

function walkObject(text: string, scan: { at: number }, path: string, found: Set<string>): void {
  const seen = new Set<string>();
  scan.at++;
  for (;;) {
    skipBlanks(text, scan);
    if (text[scan.at] === '}') break;
    if (text[scan.at] === ',') {
      scan.at++;
      continue;
    }
    const key = readString(text, scan);
    const inner = path === '' ? key : `${path}.${key}`;
    if (seen.has(key)) found.add(inner);
    seen.add(key);
    skipBlanks(text, scan);
    scan.at++;
    walk(text, scan, inner, found);
  }
  scan.at++;
}

function walkArray(text: string, scan: { at: number }, path: string, found: Set<string>): void {
  scan.at++;
  for (let index = 0; ; ) {
    skipBlanks(text, scan);
    if (text[scan.at] === ']') break;
    if (text[scan.at] === ',') {
      scan.at++;
      continue;
    }
    walk(text, scan, `${path}[${index++}]`, found);
  }
  scan.at++;
}

function skipBlanks(text: string, scan: { at: number }): void {
  while (scan.at < text.length && ' \t\r\n'.includes(text[scan.at] as string)) scan.at++;
}

function readString(text: string, scan: { at: number }): string {
  const start = scan.at++;
  while (text[scan.at] !== '"') scan.at += text[scan.at] === '\\' ? 2 : 1;
  scan.at++;
  return JSON.parse(text.slice(start, scan.at)) as string;
}

/** Go's sentence for the first fault of a text. Source: Go's `encoding/json/scanner.go`. */
function goSyntaxMessage(text: string): string {
  const scan = { at: 0 };
  try {
    checkValue(text, scan, 'looking for beginning of value');
    skipBlanks(text, scan);
    if (scan.at < text.length) return invalid(text, scan, 'after top-level value');
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message;
    throw error;
  }
  return 'unexpected end of JSON input';
}

function invalid(text: string, scan: { at: number }, where: string): string {
  if (scan.at >= text.length) return 'unexpected end of JSON input';
  return `invalid character ${toGoCharacter(text[scan.at] as string)} ${where}`;
}

/** Go reads bytes, and shows each as the Latin-1 character that it would be. */
function toGoCharacter(character: string): string {
  if (character === "'") return `'\\''`;
  if (character === '"') return `'"'`;
  const code = character.charCodeAt(0);
  if (code < 0x20 || code === 0x7f) {
    const short = { 7: 'a', 8: 'b', 9: 't', 10: 'n', 11: 'v', 12: 'f', 13: 'r' }[code];
    return short === undefined ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'\\${short}'`;
  }
  if (code >= 0x80 && code <= 0xa0) return `'\\u${code.toString(16).padStart(4, '0')}'`;
  return character === '\\' ? `'\\\\'` : `'${String.fromCharCode(code)}'`;
}

function syntaxError(text: string, scan: { at: number }, where: string): JsonSyntaxError {
  return new JsonSyntaxError(invalid(text, scan, where));
}

function checkValue(text: string, scan: { at: number }, where: string): void {
  skipBlanks(text, scan);
  const char = text[scan.at];
  if (char === '{') return checkObject(text, scan);
  if (char === '[') return checkArray(text, scan);
  if (char === '"') return checkString(text, scan);
  for (const word of ['true', 'false', 'null']) if (char === word[0]) return checkWord(text, scan, word);
  if (char !== undefined && /[-\d]/.test(char)) {
    return checkNumber(text, scan);
  }
  throw syntaxError(text, scan, where);
}

function checkWord(text: string, scan: { at: number }, word: string): void {
  for (let index = 1; index < word.length; index++) {
    scan.at++;
    if (text[scan.at] !== word[index]) throw cutShort(text, scan, `in literal ${word} (expecting '${word[index]}')`);
  }
  scan.at++;
}

/** A word or a number that ends too early: at the end of the text, Go sees a blank there. */
function cutShort(text: string, scan: { at: number }, where: string): JsonSyntaxError {
  return scan.at >= text.length
    ? new JsonSyntaxError(`invalid character ' ' ${where}`)
    : syntaxError(text, scan, where);
}

function checkNumber(text: string, scan: { at: number }): void {
  const digits = (where: string): void => {
    if (!/\d/.test(text[scan.at] ?? '')) throw cutShort(text, scan, where);
    while (/\d/.test(text[scan.at] ?? '')) scan.at++;
  };
  if (text[scan.at] === '-') scan.at++;
  if (text[scan.at] === '0') scan.at++;
  else digits('in numeric literal');
  if (text[scan.at] === '.') {
    scan.at++;
    digits('after decimal point in numeric literal');
  }
  if (text[scan.at] === 'e' || text[scan.at] === 'E') {
    scan.at++;
    if (text[scan.at] === '+' || text[scan.at] === '-') scan.at++;
    digits('in exponent of numeric literal');
  }
}

function checkString(text: string, scan: { at: number }): void {
  scan.at++;
  for (;;) {
    const char = text[scan.at];
    if (char === undefined) throw new JsonSyntaxError('unexpected end of JSON input');
    if (char === '"') break;
    if (char < ' ') throw syntaxError(text, scan, 'in string literal');
    if (char === '\\') {
      scan.at++;
      const escaped = text[scan.at];
      if (escaped === undefined) throw new JsonSyntaxError('unexpected end of JSON input');
      if (!'"\\/bfnrtu'.includes(escaped)) throw syntaxError(text, scan, 'in string escape code');
      for (let digit = 0; escaped === 'u' && digit < 4; digit++) {
        scan.at++;
        if (!/[\da-fA-F]/.test(text[scan.at] ?? ''))
          throw syntaxError(text, scan, 'in \\u hexadecimal character escape');
      }
    }
    scan.at++;
  }
  scan.at++;
}

function checkObject(text: string, scan: { at: number }): void {
  scan.at++;
  skipBlanks(text, scan);
  if (text[scan.at] === '}') {
    scan.at++;
    return;
  }
  for (;;) {
    skipBlanks(text, scan);
    if (text[scan.at] !== '"') throw syntaxError(text, scan, 'looking for beginning of object key string');
    checkString(text, scan);
    skipBlanks(text, scan);
    if (text[scan.at] !== ':') throw syntaxError(text, scan, 'after object key');
    scan.at++;
    checkValue(text, scan, 'looking for beginning of value');
    skipBlanks(text, scan);
    const char = text[scan.at];
    if (char !== ',' && char !== '}') throw syntaxError(text, scan, 'after object key:value pair');
    scan.at++;
    if (char === '}') return;
  }
}

function checkArray(text: string, scan: { at: number }): void {
  scan.at++;
  skipBlanks(text, scan);
  if (text[scan.at] === ']') {
    scan.at++;
    return;
  }
  for (;;) {
    checkValue(text, scan, 'looking for beginning of value');
    skipBlanks(text, scan);
    const char = text[scan.at];
    if (char !== ',' && char !== ']') throw syntaxError(text, scan, 'after array element');
    scan.at++;
    if (char === ']') return;
  }
}
