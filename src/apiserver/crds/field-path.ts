import type { JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { ownOf } from '../../machinery/schema/json-values.ts';
import { schemaOf } from '../../machinery/schema/read-schema.ts';

/** A path such as `.spec.items['key']`, found in a schema. */
export interface SchemaPath {
  /** As messages write it, without the leading dot. */
  readonly text: string;
  /** The field at the very beginning. */
  readonly root: string;
  readonly schema: JSONSchemaProps | undefined;
}

const noField = 'does not refer to a valid field';

/**
 * Follows a path of fields and map entries through a schema; a text says what is wrong with it.
 *
 * Source: apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go` (ValidFieldPath).
 */
export function followFieldPath(
  path: string,
  root: JSONSchemaProps,
  { allowsBrackets }: { allowsBrackets: boolean },
): SchemaPath | string {
  const tokens = tokenize(path);
  let schema: JSONSchemaProps | undefined = root;
  const parts: string[] = [];
  let at = 0;
  const step = (name: string): string | undefined => {
    const isNamed = Object.keys(schema?.properties ?? {}).length > 0;
    if (!isNamed && schema?.additionalProperties === undefined) return noField;
    parts.push(isNamed ? (parts.length === 0 ? name : `.${name}`) : `[${name}]`);
    const next: JSONSchemaProps | undefined = isNamed
      ? ownOf(schema?.properties, name)
      : schemaOf(schema?.additionalProperties);
    if (isNamed && next === undefined) return noField;
    schema = next;
    return undefined;
  };
  while (at < tokens.length) {
    const token = tokens[at++] as string;
    if (token === '[' && !allowsBrackets) return 'array notation is not allowed';
    if (token !== '[' && token !== '.') return `expected [ or . but got: ${token}`;
    const name = tokens[at++];
    if (name === undefined) return 'unexpected end of JSON path';
    if (token === '.') {
      const fault = step(name);
      if (fault !== undefined) return fault;
      continue;
    }
    if (name.length < 2 || !name.startsWith("'") || !name.endsWith("'")) {
      return `expected single quoted string but got ${name}`;
    }
    const unescaped = unescapeQuoted(name.slice(1, -1));
    if (unescaped === undefined)
      return `invalid string literal: invalid escape char ${/\\[^abfnrtv'\\]/.exec(name)?.[0]}`;
    const fault = step(unescaped);
    if (fault !== undefined) return fault;
    const closing = tokens[at++];
    if (closing === undefined) return 'unexpected end of JSON path';
    if (closing !== ']') return `expected ] but got ${closing}`;
  }
  return { text: parts.join(''), root: parts[0] ?? '', schema };
}

/** Delimiters, quoted texts, and what stands between. */
function tokenize(path: string): readonly string[] {
  return path.match(/[.[\]]|'(?:[^'\\]|\\.)*'|'.*$|[^.[\]]+/gs) ?? [];
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
};

function unescapeQuoted(text: string): string | undefined {
  let isValid = true;
  const result = text.replace(/\\(.)/gs, (_, char: string) => {
    const plain = escapes[char];
    if (plain === undefined) isValid = false;
    return plain ?? '';
  });
  return isValid ? result : undefined;
}
