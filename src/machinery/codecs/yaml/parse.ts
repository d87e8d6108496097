import { createRequire } from 'node:module';
import type { Document, LineCounter, Node, YAMLParseError } from 'yaml';

/** YAML that cannot be read; the message is upstream's where the fault is a common one. */
export class YamlSyntaxError extends Error {
  override readonly name = 'YamlSyntaxError';
}

export interface ParsedYaml {
  readonly value: unknown;
  /** Sentences on keys that stand twice, such as `line 5: key "x" already set in map`. */
  readonly duplicates: readonly string[];
}

type Yaml = typeof import('yaml');

/** Loaded with the first YAML: most clients send JSON, and the package takes 20 ms. */
function load(): Yaml {
  return createRequire(import.meta.url)('yaml') as Yaml;
}

/**
 * Reads the first document as upstream does, which is YAML 1.1's booleans in a 1.2 text. Of keys that stand twice the
 * last counts.
 * @throws YamlSyntaxError
 */
export function parseYaml(bytes: Buffer): ParsedYaml {
  const yaml = load();
  const lines = new yaml.LineCounter();
  const documents = yaml.parseAllDocuments(bytes.toString('utf8'), {
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    lineCounter: lines,
  });
  const [document] = documents as Document.Parsed[];
  if (document === undefined) return { value: null, duplicates: [] };
  const [error] = document.errors;
  if (error !== undefined) {
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: ${explain(error)}`, { cause: error });
  }
  return { value: document.toJS() as unknown, duplicates: findDuplicates(yaml, document, lines) };
}

/** Go's parser counts lines from zero, its scanner from one. */
function explain(error: YAMLParseError): string {
  const line = error.linePos?.[0].line ?? 1;
  switch (error.code) {
    case 'BLOCK_AS_IMPLICIT_KEY':
      return `line ${line}: mapping values are not allowed in this context`;
    case 'BAD_INDENT':
    case 'MISSING_CHAR':
      return /flow/i.test(error.message)
        ? `line ${line - 1}: did not find expected node content`
        : `line ${line - 1}: did not find expected key`;
    case 'TAB_AS_INDENT':
      return `line ${line}: found character that cannot start any token`;
    default:
      return `line ${line}: ${error.message.split(' at line ')[0]}`;
  }
}

function findDuplicates(yaml: Yaml, document: Document.Parsed, lines: LineCounter): readonly string[] {
  const found: string[] = [];
  yaml.visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!yaml.isScalar(key)) continue;
        if (seen.has(key.value)) {
          const { line } = lines.linePos((key as Node).range?.[0] ?? 0);
          found.push(`line ${line}: key ${JSON.stringify(String(key.value))} already set in map`);
        }
        seen.add(key.value);
      }
    },
  });
  return found;
}
