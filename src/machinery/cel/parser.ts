import { type Expr, ExprFactory, type MapEntry, type StructField } from './ast.ts';
import type { Issue } from './issues.ts';
import { type Token, tokenize } from './lexer.ts';
import { readBytes, readString } from './literals.ts';
import { expandMacro, MacroError, type MacroOptions } from './macros.ts';
import { UintValue } from './values.ts';

const MAX_DEPTH = 250;
const MAX_CODE_POINTS = 100_000;

const reserved = new Set(
  'as break const continue else false for function if import in let loop package namespace null return true var void while'.split(
    ' ',
  ),
);

/** What may stand after a dot. */
const AFTER_DOT = "{'?', IDENTIFIER, ESC_IDENTIFIER}";

const startOfExpr =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/** What comes behind a whole expression. */
const MAY_FOLLOW = new Set([',', ')', ']', '}', ':']);

/** Ends parsing after the first issue that nothing sensible can follow. */
class GiveUp extends Error {}

export interface Parsed {
  /** Undefined where there are issues. */
  readonly expr: Expr | undefined;
  readonly issues: readonly Issue[];
}

/** Reads an expression and unfolds its macros. Source: cel-go `parser/{parser.go,gen/CEL.g4}`. */
export function parse(source: string, options: MacroOptions = {}): Parsed {
  if ([...source].length > MAX_CODE_POINTS) {
    const message = `expression code point size exceeds limit: size: ${[...source].length}, limit ${MAX_CODE_POINTS}`;
    return { expr: undefined, issues: [{ at: 0, message }] };
  }
  const { tokens, issues } = tokenize(source);
  const parser = new Parser(tokens, [...issues], options);
  const expr = parser.parseAll();
  return { expr: parser.issues.length === 0 ? expr : undefined, issues: parser.issues };
}

class Parser {
  readonly issues: Issue[];
  readonly #tokens: readonly Token[];
  readonly #options: MacroOptions;
  readonly #make = new ExprFactory();
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], issues: Issue[], options: MacroOptions) {
    this.#options = options;
    this.#tokens = tokens;
    this.issues = issues;
  }

  parseAll(): Expr | undefined {
    try {
      const expr = this.#expr();
      const token = this.#peek();
      if (token.kind !== 'end') {
        const verb = this.#tokens[this.#at + 1]?.kind === 'end' ? 'extraneous' : 'mismatched';
        this.#fail(token, `${verb} input '${token.text}' expecting <EOF>`);
      }
      return expr;
    } catch (error) {
      if (error instanceof GiveUp) return undefined;
      throw error;
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #is(text: string): boolean {
    const token = this.#peek();
    return (token.kind === 'op' || token.kind === 'word') && token.text === text;
  }

  #take(text: string): Token | undefined {
    return this.#is(text) ? (this.#tokens[this.#at++] as Token) : undefined;
  }

  #expect(text: string, expecting: string): Token {
    const token = this.#take(text);
    if (token !== undefined) return token;
    const found = this.#peek();
    const verb = found.kind === 'end' ? 'missing' : 'mismatched';
    if (verb === 'missing' && !expecting.startsWith('{')) this.#fail(found, `missing ${expecting} at '${found.text}'`);
    this.#fail(found, `mismatched input '${found.text}' expecting ${expecting}`);
  }

  /**
   * The end of what is in brackets. One token too many, or the end itself missing before what may follow it, are told of
   * and got over, as by upstream's parser; `further` may stand there too.
   */
  #close(text: string, further: readonly string[] = []): void {
    if (this.#take(text) !== undefined) return;
    const found = this.#peek();
    const expecting =
      further.length === 0 ? `'${text}'` : `{${[text, ...further].map((each) => `'${each}'`).join(', ')}}`;
    const next = this.#tokens[this.#at + 1];
    if (next?.kind === 'op' && (next.text === text || further.includes(next.text))) {
      this.#note(found.at, `Syntax error: extraneous input '${found.text}' expecting ${expecting}`);
      this.#at += 2;
    } else if (further.length === 0 && found.kind === 'op' && MAY_FOLLOW.has(found.text)) {
      this.#note(found.at, `Syntax error: missing '${text}' at '${found.text}'`);
    } else if (further.length === 0) this.#expect(text, `'${text}'`);
    else this.#fail(found, `mismatched input '${found.text}' expecting ${expecting}`);
  }

  #fail(token: Token, message: string): never {
    this.issues.push({ at: token.at, message: `Syntax error: ${message}` });
    throw new GiveUp();
  }

  #note(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  #expr(): Expr {
    if (++this.#depth > MAX_DEPTH) {
      this.#note(-1, `expression recursion limit exceeded: ${MAX_DEPTH}`);
      throw new GiveUp();
    }
    const condition = this.#or();
    const question = this.#take('?');
    if (question !== undefined) {
      const yes = this.#or();
      this.#expect(':', "':'");
      const no = this.#expr();
      this.#depth--;
      return this.#make.call(question.at, '_?_:_', [condition, yes, no]);
    }
    this.#depth--;
    return condition;
  }

  #or(): Expr {
    return this.#logical('||', '_||_', () => this.#logical('&&', '_&&_', () => this.#relation()));
  }

  /** Chains of one operator become a balanced tree, so that long ones stay flat. */
  #logical(op: string, name: string, operand: () => Expr): Expr {
    const terms = [operand()];
    const places: number[] = [];
    for (let token = this.#take(op); token !== undefined; token = this.#take(op)) {
      places.push(token.at);
      terms.push(operand());
    }
    const build = (low: number, high: number): Expr => {
      const middle = Math.floor((low + high + 1) / 2);
      const left = middle === low ? (terms[middle] as Expr) : build(low, middle - 1);
      const right = middle === high ? (terms[middle + 1] as Expr) : build(middle + 1, high);
      return this.#make.call(places[middle] ?? 0, name, [left, right]);
    };
    return places.length === 0 ? (terms[0] as Expr) : build(0, places.length - 1);
  }

  #relation(): Expr {
    const names: Readonly<Record<string, string>> = {
      '<': '_<_',
      '<=': '_<=_',
      '>': '_>_',
      '>=': '_>=_',
      '==': '_==_',
      '!=': '_!=_',
      in: '@in',
    };
    return this.#binary(names, () =>
      this.#binary({ '+': '_+_', '-': '_-_' }, () =>
        this.#binary({ '*': '_*_', '/': '_/_', '%': '_%_' }, () => this.#unary()),
      ),
    );
  }

  #binary(names: Readonly<Record<string, string>>, operand: () => Expr): Expr {
    let left = operand();
    for (;;) {
      const token = this.#peek();
      const name = token.kind === 'op' || token.kind === 'word' ? names[token.text] : undefined;
      if (name === undefined) return left;
      this.#at++;
      left = this.#make.call(token.at, name, [left, operand()]);
    }
  }

  #unary(): Expr {
    const token = this.#peek();
    if (this.#is('!')) {
      let count = 0;
      while (this.#take('!') !== undefined) count++;
      const operand = this.#member();
      return count % 2 === 0 ? operand : this.#make.call(token.at, '!_', [operand]);
    }
    if (!this.#is('-') || this.#isNegativeNumber()) return this.#member();
    let count = 0;
    while (this.#take('-') !== undefined) count++;
    const operand = this.#member();
    return count % 2 === 0 ? operand : this.#make.call(token.at, '-_', [operand]);
  }

  #isNegativeNumber(): boolean {
    const following = this.#tokens[this.#at + 1];
    return this.#is('-') && (following?.kind === 'int' || following?.kind === 'float');
  }

  #member(): Expr {
    if (!this.#isNegativeNumber()) return this.#memberAfter(this.#primary());
    const sign = this.#peek();
    const number = this.#tokens[this.#at + 1] as Token;
    this.#at += 2;
    return this.#memberAfter(this.#number({ ...number, text: `-${number.text}`, at: sign.at }));
  }

  #memberAfter(start: Expr): Expr {
    let expr = start;
    for (;;) {
      const token = this.#peek();
      if (this.#take('.') !== undefined) expr = this.#afterDot(expr, token);
      else if (this.#take('[') !== undefined) {
        const isOptional = this.#take('?') !== undefined;
        const index = this.#expr();
        this.#close(']');
        expr = this.#make.call(token.at, isOptional ? '_[?_]' : '_[_]', [expr, index]);
      } else return expr;
    }
  }

  #afterDot(operand: Expr, dot: Token): Expr {
    if (this.#take('?') !== undefined) {
      const name = this.#identifier('IDENTIFIER');
      const field = this.#make.literal(name.at, name.text);
      return this.#make.call(dot.at, '_?._', [operand, field]);
    }
    const name = this.#identifier(AFTER_DOT);
    const open = this.#take('(');
    if (open === undefined) return this.#make.select(dot.at, operand, name.text);
    return this.#callOrMacro(open.at, name.text, operand, this.#arguments());
  }

  #identifier(expecting: string): Token {
    const token = this.#peek();
    if (token.kind !== 'ident') {
      // Words that stand for values are told of as such.
      const isValue = token.kind === 'word' && token.text !== 'in';
      if (expecting === AFTER_DOT && isValue)
        this.#fail(token, `mismatched input '${token.text}' expecting IDENTIFIER`);
      const isOdd = token.kind === 'end' || token.kind === 'op' || expecting === AFTER_DOT;
      const verb = isOdd ? 'no viable alternative at input' : 'mismatched input';
      if (verb === 'no viable alternative at input')
        this.#fail(token, `${verb} '.${token.kind === 'end' ? '' : token.text}'`);
      this.#fail(token, `${verb} '${token.text}' expecting ${expecting}`);
    }
    this.#at++;
    return token;
  }

  #arguments(): Expr[] {
    const args: Expr[] = [];
    if (this.#take(')') !== undefined) return args;
    do args.push(this.#expr());
    while (this.#take(',') !== undefined);
    this.#close(')');
    return args;
  }

  #callOrMacro(at: number, name: string, target: Expr | undefined, args: readonly Expr[]): Expr {
    try {
      const expanded = expandMacro({ at, name, target, args }, this.#make, this.#options);
      if (expanded !== undefined) return expanded;
    } catch (error) {
      if (!(error instanceof MacroError)) throw error;
      this.#note(error.at, error.message);
    }
    return this.#make.call(at, name, args, target);
  }

  #primary(): Expr {
    const token = this.#peek();
    switch (token.kind) {
      case 'int':
      case 'uint':
      case 'float':
        this.#at++;
        return this.#number(token);
      case 'string':
      case 'bytes':
        this.#at++;
        return this.#text(token);
      case 'ident':
        return this.#name();
      case 'word':
        if (token.text === 'in') break;
        this.#at++;
        return this.#make.literal(token.at, token.text === 'null' ? null : token.text === 'true');
      case 'op':
        if (token.text === '(') {
          this.#at++;
          const expr = this.#expr();
          this.#close(')');
          return expr;
        }
        if (token.text === '[') return this.#list();
        if (token.text === '{') return this.#map();
        if (token.text === '.') return this.#name();
        break;
      default:
        break;
    }
    const verb = token.kind === 'end' ? 'mismatched' : this.#canDrop() ? 'extraneous' : 'mismatched';
    this.#fail(token, `${verb} input '${token.text}' expecting ${startOfExpr}`);
  }

  /** Whether an expression starts here, perhaps an optional one. */
  #startsExpr(): boolean {
    const { kind, text } = this.#peek();
    return kind !== 'end' && (kind !== 'op' || '[{(.-!?'.includes(text));
  }

  /** Whether an expression would start after the token that stands in the way. */
  #canDrop(): boolean {
    const after = this.#tokens[this.#at + 1];
    if (after === undefined || after.kind === 'end') return false;
    return after.kind !== 'op' || '[{(.-!'.includes(after.text);
  }

  #number(token: Token): Expr {
    const { text, at } = token;
    if (token.kind === 'float') return this.#make.literal(at, Number(text));
    const isUnsigned = token.kind === 'uint';
    const [, sign = '', digits = ''] = /^(-?)(.*?)[uU]?$/.exec(text) ?? [];
    const value = (sign === '-' ? -1n : 1n) * BigInt(digits);
    if (isUnsigned) {
      if (value >= 2n ** 64n) this.#note(at, 'invalid uint literal');
      return this.#make.literal(at, new UintValue(value));
    }
    if (value >= 2n ** 63n || value < -(2n ** 63n)) this.#note(at, 'invalid int literal');
    return this.#make.literal(at, value);
  }

  #text(token: Token): Expr {
    const value = token.kind === 'string' ? readString(token.text) : readBytes(token.text);
    if (value === undefined) this.#note(token.at, `unable to unescape string`);
    return this.#make.literal(token.at, value ?? '');
  }

  /** A name, a call, or a message that is built: `a.b.C{field: value}`. */
  #name(): Expr {
    const dot = this.#take('.');
    const token = this.#identifier('IDENTIFIER');
    const name = `${dot === undefined ? '' : '.'}${token.text}`;
    if (reserved.has(token.text)) this.#note(token.at, `reserved identifier: ${token.text}`);
    const open = this.#take('(');
    if (open !== undefined) return this.#callOrMacro(open.at, name, undefined, this.#arguments());
    const typeName = this.#structName(name);
    return typeName === undefined ? this.#make.ident(token.at, name) : this.#struct(typeName);
  }

  /** Looks ahead for the brace of a message. */
  #structName(first: string): string | undefined {
    let at = this.#at;
    let name = first;
    for (;;) {
      const [here, after] = [this.#tokens[at], this.#tokens[at + 1]];
      if (here?.kind === 'op' && here.text === '{') {
        this.#at = at;
        return name;
      }
      if (here?.text !== '.' || after?.kind !== 'ident') return undefined;
      name += `.${after.text}`;
      at += 2;
    }
  }

  #struct(typeName: string): Expr {
    const open = this.#expect('{', "'{'");
    const fields: StructField[] = [];
    let hasComma = false;
    while (!this.#is('}')) {
      if (fields.length === 0 && this.#take(',') !== undefined) break;
      const optional = this.#take('?') !== undefined;
      const name = this.#identifier('IDENTIFIER');
      const colon = this.#expect(':', "':'");
      fields.push({ at: colon.at, name: name.text, value: this.#expr(), optional });
      hasComma = this.#take(',') !== undefined;
      if (!hasComma) break;
    }
    this.#close('}', hasComma ? [] : [',']);
    return { kind: 'struct', id: this.#make.id(), at: open.at, typeName, fields };
  }

  #list(): Expr {
    const open = this.#expect('[', "'['");
    const items: Expr[] = [];
    const optional = new Set<number>();
    // A comma may stand alone.
    while (!this.#is(']') && !(items.length === 0 && this.#take(',') !== undefined)) {
      if (this.#take('?') !== undefined) optional.add(items.length);
      items.push(this.#expr());
      if (this.#take(',') === undefined || !this.#startsExpr()) break;
    }
    this.#close(']', [',']);
    return this.#make.list(open.at, items, optional);
  }

  #map(): Expr {
    const open = this.#expect('{', "'{'");
    const entries: MapEntry[] = [];
    let hasComma = false;
    while (!this.#is('}')) {
      if (entries.length === 0 && this.#take(',') !== undefined) break;
      const optional = this.#take('?') !== undefined;
      const key = this.#expr();
      this.#expect(':', "':'");
      entries.push({ key, value: this.#expr(), optional });
      hasComma = this.#take(',') !== undefined;
      if (!hasComma || !this.#startsExpr()) break;
    }
    this.#close('}', hasComma ? [] : [',']);
    return this.#make.map(open.at, entries);
  }
}
