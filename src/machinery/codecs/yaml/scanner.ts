import { Characters, isBlank, isBlankOrEnd, isBreak, isBreakOrEnd, isWordCharacter } from './characters.ts';
import { readBlock, readPlain, readQuoted } from './scalars.ts';
import { MAX_DEPTH, type Mark, scannerFault } from './yaml-fault.ts';

export type TokenType =
  | 'stream-end'
  | 'version'
  | 'tag-directive'
  | 'document-start'
  | 'document-end'
  | 'block-sequence'
  | 'block-mapping'
  | 'block-end'
  | '['
  | ']'
  | '{'
  | '}'
  | ','
  | '-'
  | '?'
  | ':'
  | 'alias'
  | 'anchor'
  | 'tag'
  | 'scalar';

export interface Token {
  readonly type: TokenType;
  readonly start: Mark;
  /** Text of scalars, anchors, aliases and versions; the handle of tags and their directives. */
  readonly value: string;
  /** What follows the handle of a tag, or what its directive sets it to. */
  readonly suffix: string;
  /** A scalar without quotes. */
  readonly plain: boolean;
}

/** A place where a key may have begun, of which only a later colon tells. */
interface SimpleKey {
  possible: boolean;
  readonly required: boolean;
  readonly number: number;
  readonly mark: Mark;
}

/** How far a key's colon may be away. */
const MAX_KEY = 1024;

/**
 * Cuts YAML into tokens, one at a time and no further than is asked for, so that of several faults the first is told.
 * Source of the rules, and of what is said of faults: go.yaml.in/yaml v2 `scannerc.go`, a libyaml.
 */
export class Scanner {
  readonly #text: Characters;
  readonly #queue: Token[] = [];
  /** Tokens that were handed out. */
  #taken = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  #keys: (SimpleKey | undefined)[] = [undefined];
  #keyAllowed = true;
  #done = false;

  /** @throws YamlFault for bytes that are no text */
  constructor(bytes: Buffer) {
    this.#text = new Characters(bytes);
  }

  /** The next token, which stays. @throws YamlFault */
  peek(): Token {
    while (this.#queue.length === 0 || this.#mayBecomeKey(this.#taken)) this.#fetch();
    return this.#queue[0] as Token;
  }

  /** Takes the next token. @throws YamlFault */
  take(): Token {
    const token = this.peek();
    this.#queue.shift();
    this.#taken++;
    return token;
  }

  get #level(): number {
    return this.#keys.length - 1;
  }

  #mayBecomeKey(number: number): boolean {
    if (this.#done) return false;
    return this.#keys.some((key) => key?.number === number && this.#isValid(key));
  }

  #isValid(key: SimpleKey | undefined): key is SimpleKey {
    if (!key?.possible) return false;
    if (key.mark.line >= this.#text.line && key.mark.index + MAX_KEY >= this.#text.index) return true;
    if (key.required) throw scannerFault("could not find expected ':'", this.#text, key.mark);
    key.possible = false;
    return false;
  }

  #saveKey(): void {
    if (!this.#keyAllowed) return;
    const mark = this.#text.mark();
    const required = this.#level === 0 && this.#indent === mark.column;
    this.#dropKey();
    this.#keys[this.#level] = { possible: true, required, number: this.#taken + this.#queue.length, mark };
  }

  #dropKey(): void {
    const key = this.#keys[this.#level];
    if (key?.possible && key.required) throw scannerFault("could not find expected ':'", this.#text, key.mark);
    this.#keys[this.#level] = undefined;
  }

  #push(type: TokenType, start: Mark, parts: Partial<Token> = {}, number?: number): void {
    const token: Token = { type, start, value: '', suffix: '', plain: false, ...parts };
    if (number === undefined) this.#queue.push(token);
    else this.#queue.splice(number - this.#taken, 0, token);
  }

  #rollIndent(column: number, type: TokenType, mark: Mark, number?: number): void {
    if (this.#level > 0 || this.#indent >= column) return;
    this.#indents.push(this.#indent);
    this.#indent = column;
    if (this.#indents.length > MAX_DEPTH) throw scannerFault(`exceeded max depth of ${MAX_DEPTH}`, this.#text, mark);
    this.#push(type, mark, {}, number);
  }

  #unrollIndent(column: number): void {
    if (this.#level > 0) return;
    while (this.#indent > column) {
      this.#push('block-end', this.#text.mark());
      this.#indent = this.#indents.pop() ?? -1;
    }
  }

  #fetch(): void {
    const text = this.#text;
    this.#skipToToken();
    this.#unrollIndent(text.column);
    if (text.atEnd) return this.#endStream();
    const char = text.peek();
    if (text.column === 0 && char === '%') return this.#directive();
    if (text.atDocumentMark('---')) return this.#documentMark('document-start');
    if (text.atDocumentMark('...')) return this.#documentMark('document-end');
    const inFlow = this.#level > 0;
    const standsAlone = isBlankOrEnd(text.peek(1));
    switch (char) {
      case '[':
      case '{':
        return this.#openFlow(char);
      case ']':
      case '}':
        this.#dropKey();
        if (inFlow) this.#keys.pop();
        return this.#indicator(char, false);
      case ',':
        this.#dropKey();
        return this.#indicator(char, true);
      case '-':
        if (standsAlone) return this.#blockEntry();
        break;
      case '?':
        if (inFlow || standsAlone) return this.#explicitKey();
        break;
      case ':':
        if (inFlow || standsAlone) return this.#colon();
        break;
      case '*':
      case '&':
        this.#saveKey();
        return this.#anchor(char === '*' ? 'alias' : 'anchor');
      case '!':
        this.#saveKey();
        return this.#tag();
      case '|':
      case '>':
        if (inFlow) break;
        this.#dropKey();
        return this.#scalar(() => readBlock(text, this.#indent), { keyAllowed: true });
      case "'":
      case '"':
        this.#saveKey();
        return this.#scalar(() => readQuoted(text), { keyAllowed: false });
    }
    if (!this.#startsPlain(char, inFlow)) {
      throw scannerFault('found character that cannot start any token', text, text);
    }
    this.#saveKey();
    const start = text.mark();
    const { value, broke } = readPlain(text, this.#indent, inFlow);
    this.#keyAllowed = broke;
    this.#push('scalar', start, { value, plain: true });
  }

  #startsPlain(char: string, inFlow: boolean): boolean {
    if (!isBlankOrEnd(char) && !'-?:,[]{}#&*!|>\'"%@`'.includes(char)) return true;
    if (char === '-') return !isBlank(this.#text.peek(1));
    return !inFlow && (char === '?' || char === ':') && !isBlankOrEnd(this.#text.peek(1));
  }

  #skipToToken(): void {
    const text = this.#text;
    for (;;) {
      if (text.index === 0 && text.peek() === '\ufeff') text.index++;
      while (text.peek() === ' ' || ((this.#level > 0 || !this.#keyAllowed) && text.peek() === '\t')) text.skip();
      if (text.peek() === '#') while (!isBreakOrEnd(text.peek())) text.skip();
      if (!isBreak(text.peek())) return;
      text.readBreak();
      if (this.#level === 0) this.#keyAllowed = true;
    }
  }

  #endStream(): void {
    const text = this.#text;
    if (text.column !== 0) {
      text.column = 0;
      text.line++;
    }
    this.#unrollIndent(-1);
    this.#dropKey();
    this.#keyAllowed = false;
    this.#done = true;
    this.#push('stream-end', text.mark());
  }

  #indicator(type: TokenType, keyAllowed: boolean): void {
    this.#keyAllowed = keyAllowed;
    const start = this.#text.mark();
    this.#text.skip();
    this.#push(type, start);
  }

  #openFlow(type: '[' | '{'): void {
    this.#saveKey();
    this.#keys.push(undefined);
    if (this.#level > MAX_DEPTH) {
      throw scannerFault(`exceeded max depth of ${MAX_DEPTH}`, this.#text, this.#text);
    }
    this.#indicator(type, true);
  }

  #demandKeyAllowed(what: string): void {
    if (this.#keyAllowed) return;
    throw scannerFault(`${what} are not allowed in this context`, this.#text, this.#text);
  }

  #blockEntry(): void {
    if (this.#level === 0) {
      this.#demandKeyAllowed('block sequence entries');
      this.#rollIndent(this.#text.column, 'block-sequence', this.#text.mark());
    }
    this.#dropKey();
    this.#indicator('-', true);
  }

  #explicitKey(): void {
    if (this.#level === 0) {
      this.#demandKeyAllowed('mapping keys');
      this.#rollIndent(this.#text.column, 'block-mapping', this.#text.mark());
    }
    this.#dropKey();
    this.#indicator('?', this.#level === 0);
  }

  #colon(): void {
    const key = this.#keys[this.#level];
    if (this.#isValid(key)) {
      this.#push('?', key.mark, {}, key.number);
      this.#rollIndent(key.mark.column, 'block-mapping', key.mark, key.number);
      this.#keys[this.#level] = undefined;
      return this.#indicator(':', false);
    }
    if (this.#level === 0) {
      this.#demandKeyAllowed('mapping values');
      this.#rollIndent(this.#text.column, 'block-mapping', this.#text.mark());
    }
    this.#indicator(':', this.#level === 0);
  }

  #scalar(read: () => string, { keyAllowed }: { keyAllowed: boolean }): void {
    this.#keyAllowed = keyAllowed;
    const start = this.#text.mark();
    this.#push('scalar', start, { value: read() });
  }

  #anchor(type: 'alias' | 'anchor'): void {
    const text = this.#text;
    this.#keyAllowed = false;
    const start = text.mark();
    text.skip();
    const value = this.#word();
    if (value === '' || !(isBlankOrEnd(text.peek()) || '?:,]}%@`'.includes(text.peek()))) {
      throw scannerFault('did not find expected alphabetic or numeric character', text, start);
    }
    this.#push(type, start, { value });
  }

  #word(): string {
    const from = this.#text.index;
    while (isWordCharacter(this.#text.peek())) this.#text.skip();
    return this.#text.text.slice(from, this.#text.index);
  }

  #tag(): void {
    const text = this.#text;
    this.#keyAllowed = false;
    const start = text.mark();
    let handle = '';
    let suffix: string;
    if (text.peek(1) === '<') {
      text.skip();
      text.skip();
      suffix = this.#uri(start);
      if (text.peek() !== '>') throw scannerFault("did not find the expected '>'", text, start);
      text.skip();
    } else {
      handle = this.#handle();
      const isWhole = handle.length > 1 && handle.endsWith('!');
      suffix = isWhole ? this.#uri(start) : handle.slice(1) + this.#uri(start, handle.length > 1);
      if (!isWhole) handle = '!';
      if (!isWhole && suffix === '') [handle, suffix] = ['', '!'];
    }
    if (!isBlankOrEnd(text.peek())) throw scannerFault('did not find expected whitespace or line break', text, start);
    this.#push('tag', start, { value: handle, suffix });
  }

  #handle(): string {
    const first = this.#text.skip();
    const word = this.#word();
    return this.#text.peek() === '!' ? first + word + this.#text.skip() : first + word;
  }

  #uri(start: Mark, mayBeEmpty = false): string {
    const from = this.#text.index;
    while (/^[\w\-;/?:@&=+$.,!~*'()[\]%]$/.test(this.#text.peek())) this.#text.skip();
    const found = this.#text.text.slice(from, this.#text.index);
    if (found === '' && !mayBeEmpty && !isBlankOrEnd(this.#text.peek())) {
      throw scannerFault('did not find expected tag URI', this.#text, start);
    }
    return found;
  }

  #documentMark(type: TokenType): void {
    this.#unrollIndent(-1);
    this.#dropKey();
    this.#keyAllowed = false;
    const start = this.#text.mark();
    for (let at = 0; at < 3; at++) this.#text.skip();
    this.#push(type, start);
  }

  #directive(): void {
    this.#unrollIndent(-1);
    this.#dropKey();
    this.#keyAllowed = false;
    const text = this.#text;
    const start = text.mark();
    text.skip();
    const name = this.#word();
    if (name === '') throw scannerFault('could not find expected directive name', text, start);
    if (!isBlankOrEnd(text.peek())) throw scannerFault('found unexpected non-alphabetical character', text, start);
    const skipBlanks = (): void => {
      while (isBlank(text.peek())) text.skip();
    };
    const upToBlank = (): string => {
      const from = text.index;
      while (!isBlankOrEnd(text.peek())) text.skip();
      return text.text.slice(from, text.index);
    };
    skipBlanks();
    if (name === 'YAML') {
      const value = upToBlank();
      if (!/^\d/.test(value)) throw scannerFault('did not find expected version number', text, start);
      if (!/^\d+\.\d+$/.test(value)) throw scannerFault("did not find expected digit or '.' character", text, start);
      this.#push('version', start, { value });
    } else if (name === 'TAG') {
      const value = upToBlank();
      skipBlanks();
      this.#push('tag-directive', start, { value, suffix: upToBlank() });
    } else throw scannerFault('found unknown directive name', text, start);
    skipBlanks();
    if (text.peek() === '#') while (!isBreakOrEnd(text.peek())) text.skip();
    if (!isBreakOrEnd(text.peek())) throw scannerFault('did not find expected comment or line break', text, start);
    text.readBreak();
  }
}
