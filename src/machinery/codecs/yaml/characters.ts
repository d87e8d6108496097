import { type Mark, YamlFault } from './yaml-fault.ts';

const END = '\0';

export const isBlank = (char: string): boolean => char === ' ' || char === '\t';
export const isBreak = (char: string): boolean =>
  char === '\n' || char === '\r' || char === '\u0085' || char === '\u2028' || char === '\u2029';
export const isBreakOrEnd = (char: string): boolean => char === END || isBreak(char);
export const isBlankOrEnd = (char: string): boolean => isBlank(char) || isBreakOrEnd(char);
export const isWordCharacter = (char: string): boolean => /^[0-9A-Za-z_-]$/.test(char);

const FORBIDDEN = /[^\t\n\r\x20-\x7e\u0085\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

/** The text of YAML, read character by character. */
export class Characters {
  readonly text: string;
  index = 0;
  line = 0;
  column = 0;

  /** @throws YamlFault for bytes that are no text */
  constructor(bytes: Buffer) {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new YamlFault(describeBadBytes(bytes), { cause });
    }
    if (FORBIDDEN.test(text)) throw new YamlFault('control characters are not allowed');
    this.text = text;
  }

  /** The character at a distance; a NUL behind the end. */
  peek(distance = 0): string {
    return this.text[this.index + distance] ?? END;
  }

  get atEnd(): boolean {
    return this.index >= this.text.length;
  }

  mark(): Mark {
    return { index: this.index, line: this.line, column: this.column };
  }

  /** Moves behind one character, which is no line break; both halves of a surrogate pair count as one. */
  skip(): string {
    const code = this.text.codePointAt(this.index) ?? 0;
    const char = String.fromCodePoint(code);
    this.index += char.length;
    this.column++;
    return char;
  }

  /** Moves behind a line break, if one is there. @returns it as YAML reads it. */
  readBreak(): string {
    const char = this.peek();
    if (!isBreak(char)) return '';
    this.index += char === '\r' && this.peek(1) === '\n' ? 2 : 1;
    this.column = 0;
    this.line++;
    return char === '\u2028' || char === '\u2029' ? char : '\n';
  }

  /** Whether `---` or `...` stands here, at the start of a line. */
  atDocumentMark(mark?: '---' | '...'): boolean {
    if (this.column !== 0) return false;
    const found = this.text.slice(this.index, this.index + 3);
    if (mark === undefined ? found !== '---' && found !== '...' : found !== mark) return false;
    return isBlankOrEnd(this.peek(3));
  }
}

function describeBadBytes(bytes: Buffer): string {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const width =
      first < 0x80 ? 1 : first >= 0xc0 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    if (width === 0 || (first >= 0x80 && first < 0xc0)) return 'invalid leading UTF-8 octet';
    if (at + width > bytes.length) return 'incomplete UTF-8 octet sequence';
    for (let inner = 1; inner < width; inner++) {
      if (((bytes[at + inner] ?? 0) & 0xc0) !== 0x80) return 'invalid trailing UTF-8 octet';
    }
    at += width;
  }
  return 'invalid Unicode character';
}
