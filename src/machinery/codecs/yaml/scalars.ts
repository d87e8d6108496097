import { type Characters, isBlank, isBlankOrEnd, isBreak, isBreakOrEnd } from './characters.ts';
import { type Mark, scannerFault } from './yaml-fault.ts';

/** Line breaks in a scalar: one alone becomes a blank, the others stay. */
function fold(leading: string, trailing: string): string {
  if (!leading.startsWith('\n')) return leading + trailing;
  return trailing === '' ? ' ' : trailing;
}

interface Gap {
  readonly whitespace: string;
  readonly leading: string;
  readonly trailing: string;
  readonly hasBreak: boolean;
}

/** Blanks and line breaks between two words of a scalar. */
function readGap(text: Characters, hasBreak: boolean, check?: (afterBreak: boolean) => void): Gap {
  let whitespace = '';
  let leading = '';
  let trailing = '';
  for (let char = text.peek(); isBlank(char) || isBreak(char); char = text.peek()) {
    if (isBlank(char)) {
      check?.(hasBreak);
      const blank = text.skip();
      if (!hasBreak) whitespace += blank;
    } else if (hasBreak) trailing += text.readBreak();
    else {
      whitespace = '';
      leading += text.readBreak();
      hasBreak = true;
    }
  }
  return { whitespace, leading, trailing, hasBreak };
}

const escapes: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  '\t': '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1b',
  ' ': ' ',
  '"': '"',
  "'": "'",
  '\\': '\\',
  N: '\u0085',
  _: '\u00a0',
  L: '\u2028',
  P: '\u2029',
};
const escapeLengths: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Reads `'…'` or `"…"`. @throws YamlFault */
export function readQuoted(text: Characters): string {
  const start = text.mark();
  const quote = text.skip();
  let value = '';
  for (;;) {
    if (text.atDocumentMark()) throw scannerFault('found unexpected document indicator', text, start);
    if (text.atEnd) throw scannerFault('found unexpected end of stream', text, start);
    let joined = false;
    while (!isBlankOrEnd(text.peek()) && !joined) {
      const char = text.peek();
      if (char === quote && quote === "'" && text.peek(1) === "'") {
        text.skip();
        value += text.skip();
      } else if (char === quote) break;
      else if (quote === '"' && char === '\\' && isBreak(text.peek(1))) {
        text.skip();
        text.readBreak();
        joined = true;
      } else if (quote === '"' && char === '\\') value += readEscape(text, start);
      else value += text.skip();
    }
    if (text.peek() === quote) break;
    const gap = readGap(text, joined);
    if (!gap.hasBreak) value += gap.whitespace;
    else value += joined ? gap.trailing : fold(gap.leading, gap.trailing);
  }
  text.skip();
  return value;
}

function readEscape(text: Characters, start: Mark): string {
  const code = text.peek(1);
  const plain = escapes[code];
  const length = escapeLengths[code];
  if (plain === undefined && length === undefined) {
    throw scannerFault('found unknown escape character', text, start);
  }
  text.skip();
  text.skip();
  if (plain !== undefined || length === undefined) return plain ?? '';
  const digits = text.text.slice(text.index, text.index + length);
  if (digits.length < length || !/^[0-9a-fA-F]+$/.test(digits)) {
    throw scannerFault('did not find expected hexdecimal number', text, start);
  }
  const point = Number.parseInt(digits, 16);
  if ((point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) {
    throw scannerFault('found invalid Unicode character escape code', text, start);
  }
  for (let at = 0; at < length; at++) text.skip();
  return String.fromCodePoint(point);
}

/** A plain scalar, and whether it ended behind a line break, where a key may begin. @throws YamlFault */
export function readPlain(text: Characters, parentIndent: number, inFlow: boolean): { value: string; broke: boolean } {
  const start = text.mark();
  const indent = parentIndent + 1;
  let value = '';
  let gap: Gap = { whitespace: '', leading: '', trailing: '', hasBreak: false };
  while (!text.atDocumentMark() && text.peek() !== '#') {
    while (!isBlankOrEnd(text.peek())) {
      const char = text.peek();
      if (char === ':' && isBlankOrEnd(text.peek(1))) break;
      if (inFlow && ',?[]{}'.includes(char)) break;
      value += gap.hasBreak ? fold(gap.leading, gap.trailing) : gap.whitespace;
      gap = { whitespace: '', leading: '', trailing: '', hasBreak: false };
      value += text.skip();
    }
    if (!isBlank(text.peek()) && !isBreak(text.peek())) break;
    gap = readGap(text, false, (afterBreak) => {
      if (!afterBreak || text.column >= indent || text.peek() !== '\t') return;
      throw scannerFault('found a tab character that violates indentation', text, start);
    });
    if (!inFlow && text.column < indent) break;
  }
  return { value, broke: gap.hasBreak };
}

/** Reads `|` and `>` with what follows. @throws YamlFault */
export function readBlock(text: Characters, parentIndent: number): string {
  const start = text.mark();
  const literal = text.skip() === '|';
  const { chomping, increment } = readHeader(text, start);
  let indent = increment === 0 ? 0 : Math.max(parentIndent, 0) + increment;
  const readBreaks = (): string => {
    let breaks = '';
    let widest = 0;
    for (;;) {
      while ((indent === 0 || text.column < indent) && text.peek() === ' ') text.skip();
      widest = Math.max(widest, text.column);
      if ((indent === 0 || text.column < indent) && text.peek() === '\t') {
        throw scannerFault('found a tab character where an indentation space is expected', text, start);
      }
      if (!isBreak(text.peek())) break;
      breaks += text.readBreak();
    }
    if (indent === 0) indent = Math.max(widest, parentIndent + 1, 1);
    return breaks;
  };
  let value = '';
  let leading = '';
  let wasBlank = false;
  let trailing = readBreaks();
  while (text.column === indent && !text.atEnd) {
    const blank = isBlank(text.peek());
    if (literal || wasBlank || blank || !leading.startsWith('\n')) value += leading;
    else if (trailing === '') value += ' ';
    value += trailing;
    wasBlank = blank;
    const from = text.index;
    while (!isBreakOrEnd(text.peek())) text.skip();
    value += text.text.slice(from, text.index);
    leading = text.readBreak();
    trailing = readBreaks();
  }
  if (chomping !== '-') value += leading;
  return chomping === '+' ? value + trailing : value;
}

function readHeader(text: Characters, start: Mark): { chomping: string; increment: number } {
  let chomping = '';
  let increment = 0;
  for (let part = 0; part < 2; part++) {
    const char = text.peek();
    if (chomping === '' && (char === '+' || char === '-')) chomping = text.skip();
    else if (increment === 0 && /\d/.test(char)) {
      if (char === '0') throw scannerFault('found an indentation indicator equal to 0', text, start);
      increment = Number(text.skip());
    }
  }
  while (isBlank(text.peek())) text.skip();
  if (text.peek() === '#') while (!isBreakOrEnd(text.peek())) text.skip();
  if (!isBreakOrEnd(text.peek())) throw scannerFault('did not find expected comment or line break', text, start);
  text.readBreak();
  return { chomping, increment };
}
