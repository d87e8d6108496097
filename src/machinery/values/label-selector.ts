import { labelKeyFaults, labelValueFaults } from './names.ts';
import { type LabelOperator, type LabelRequirement, matchesLabels, type Requirements } from './selector-object.ts';

export type { LabelRequirement, Requirements };
export { matchesLabels };

/** Thrown with upstream's sentence for a selector that cannot be read. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

type Token = {
  readonly kind: 'word' | 'end' | '!' | ',' | '(' | ')' | '=' | '==' | '!=' | '<' | '>';
  readonly text: string;
};

/** Source: apimachinery `pkg/labels/selector.go` (Lexer): blanks separate, these characters stand for themselves. */
function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] as string;
    if (/\s/.test(char)) at++;
    else if ('!=<>'.includes(char)) {
      const pair = text.slice(at, at + 2);
      const symbol = pair === '==' || pair === '!=' ? pair : char;
      tokens.push({ kind: symbol as Token['kind'], text: symbol });
      at += symbol.length;
    } else if ('(),'.includes(char)) {
      tokens.push({ kind: char as Token['kind'], text: char });
      at++;
    } else {
      const word = /^[^\s!=<>(),]+/.exec(text.slice(at))?.[0] ?? char;
      tokens.push({ kind: 'word', text: word });
      at += word.length;
    }
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

/**
 * Reads the text of a `labelSelector` query. @throws SelectorError with upstream's sentence.
 *
 * Source: apimachinery `pkg/labels/selector.go` (Parser).
 */
export function parseLabelSelector(text: string): Requirements {
  const tokens = tokenize(text);
  const requirements: LabelRequirement[] = [];
  let at = 0;
  const peek = (): Token => tokens[at] as Token;
  const next = (): Token => tokens[at++] as Token;
  const fail = (why: string): never => {
    throw new SelectorError(`unable to parse requirement: ${why}`);
  };

  for (;;) {
    const first = peek();
    if (first.kind === 'end') break;
    if (first.kind !== 'word' && first.kind !== '!') {
      throw new SelectorError(`found '${first.text}', expected: !, identifier, or 'end of string'`);
    }
    requirements.push(readRequirement());
    const separator = next();
    if (separator.kind === 'end') break;
    if (separator.kind !== ',') throw new SelectorError(`found '${separator.text}', expected: ',' or 'end of string'`);
    const after = peek();
    if (after.kind !== 'word' && after.kind !== '!')
      throw new SelectorError(`found '${after.text}', expected: identifier after ','`);
  }
  return requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

  function readRequirement(): LabelRequirement {
    const negated = peek().kind === '!';
    if (negated) next();
    const { kind, text: key } = next();
    if (kind !== 'word') fail(`found '${key}', expected: identifier`);
    const faults = labelKeyFaults(key).join('; ');
    if (faults !== '') fail(`<nil>: Invalid value: ${JSON.stringify(key)}: ${faults}`);
    if (negated) return { key, operator: 'DoesNotExist', values: [] };
    if (peek().kind === 'end' || peek().kind === ',') return { key, operator: 'Exists', values: [] };
    const operator = next();
    switch (operator.text) {
      case '=':
      case '==':
        return checked(key, 'In', [readValue()]);
      case '!=':
        return checked(key, 'NotIn', [readValue()]);
      case '>':
        return checked(key, 'Gt', [readValue()]);
      case '<':
        return checked(key, 'Lt', [readValue()]);
      case 'in':
        return checked(key, 'In', readValues());
      case 'notin':
        return checked(key, 'NotIn', readValues());
      default:
        return fail(`found '${operator.text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  function readValue(): string {
    if (peek().kind === 'end' || peek().kind === ',') return '';
    const token = next();
    if (token.kind !== 'word') fail(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  function readValues(): string[] {
    const open = next();
    if (open.kind !== '(') fail(`found '${open.text}' expected: '('`);
    const values = new Set<string>();
    let expectsValue = true;
    for (;;) {
      const token = next();
      if (token.kind === 'word' && expectsValue) {
        values.add(token.text);
        expectsValue = false;
      } else if (token.kind === ',') {
        if (expectsValue) values.add('');
        expectsValue = true;
      } else if (token.kind === ')') {
        if (expectsValue) values.add('');
        return [...values];
      } else fail(`found '${token.text}', expected: ${expectsValue ? "',', ')' or identifier" : "',' or ')'"}`);
    }
  }

  function checked(key: string, operator: LabelOperator, values: string[]): LabelRequirement {
    values.forEach((value, index) => {
      if ((operator === 'Gt' || operator === 'Lt') && !/^[+-]?\d+$/.test(value)) {
        fail(
          `values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
        );
      }
      const faults = labelValueFaults(value).join('; ');
      if (faults !== '') fail(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${faults}`);
    });
    return { key, operator, values };
  }
}
