import type { Issue } from './issues.ts';

export type TokenKind = 'ident' | 'int' | 'uint' | 'float' | 'string' | 'bytes' | 'op' | 'word' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the source; `<EOF>` at the end. */
  readonly text: string;
  readonly at: number;
}

const operators = '== != <= >= && || < > ! + - * / % ? : . , [ ] { } ( ) `'.split(' ').filter((op) => op !== '`');
const words = new Set(['in', 'true', 'false', 'null']);

const STRING =
  /[rR]?(?:"""(?:[^\\]|\\.)*?"""|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n\r]|\\[^\n\r])*"|'(?:[^'\\\n\r]|\\[^\n\r])*')/sy;
const RAW = /[rR](?:""".*?"""|'''.*?'''|"[^"\n\r]*"|'[^'\n\r]*')/sy;
const FLOAT = /(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)/sy;
const INT = /(?:0x[0-9a-fA-F]+|[0-9]+)/sy;
const IDENT = /[_a-zA-Z][_a-zA-Z0-9]*/sy;
const SPACE = /(?:[ \t\r\n\f]+|\/\/[^\n]*)+/sy;

/** Takes an expression apart. What is no token is told of and left out, as upstream's lexer does. Source: cel-go `parser/gen/CEL.g4`. */
export function tokenize(source: string): { readonly tokens: readonly Token[]; readonly issues: readonly Issue[] } {
  const tokens: Token[] = [];
  const issues: Issue[] = [];
  let at = 0;
  const take = (expression: RegExp, from = at): string | undefined => {
    expression.lastIndex = from;
    return expression.exec(source)?.[0];
  };
  while (at < source.length) {
    const space = take(SPACE);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const token = next(source, at, take);
    if (token === undefined) {
      const skipped = unrecognized(source, at);
      issues.push({ at, message: `Syntax error: token recognition error at: '${escapeSpace(skipped)}'` });
      at += skipped.length;
      continue;
    }
    tokens.push(token);
    at += token.text.length;
  }
  tokens.push({ kind: 'end', text: '<EOF>', at: source.length });
  return { tokens, issues };
}

type Take = (expression: RegExp, from?: number) => string | undefined;

function next(source: string, at: number, take: Take): Token | undefined {
  const raw = take(RAW);
  if (raw !== undefined) return { kind: 'string', text: raw, at };
  const string = take(STRING);
  if (string !== undefined) return { kind: 'string', text: string, at };
  if (/[bB]/.test(source[at] ?? '')) {
    const bytes = take(RAW, at + 1) ?? take(STRING, at + 1);
    if (bytes !== undefined) return { kind: 'bytes', text: `${source[at]}${bytes}`, at };
  }
  const ident = take(IDENT);
  if (ident !== undefined) return { kind: words.has(ident) ? 'word' : 'ident', text: ident, at };
  const float = take(FLOAT);
  if (float !== undefined) return { kind: 'float', text: float, at };
  const int = take(INT);
  if (int !== undefined) {
    const suffix = source[at + int.length];
    return suffix === 'u' || suffix === 'U' ? { kind: 'uint', text: int + suffix, at } : { kind: 'int', text: int, at };
  }
  const op = operators.find((each) => source.startsWith(each, at));
  return op === undefined ? undefined : { kind: 'op', text: op, at };
}

/** The characters that the lexer gives up on: the one that it cannot take, and the beginning of a token before it. */
function unrecognized(source: string, at: number): string {
  const first = String.fromCodePoint(source.codePointAt(at) ?? 0);
  if (first === '=' || first === '|' || first === '&') {
    const second = source.codePointAt(at + 1);
    return second === undefined ? first : first + String.fromCodePoint(second);
  }
  if (first === '"' || first === "'") {
    const rest = /^["'](?:[^"'\\\n\r]|\\[^\n\r])*.?/s.exec(source.slice(at));
    return rest?.[0] ?? first;
  }
  return first;
}

function escapeSpace(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
}
