import { createRequire } from 'node:module';
import type { Document, LineCounter, Node, ScalarTag, Tags, YAMLParseError } from 'yaml';
import { JsonSyntaxError, parseJson } from '../json/parse.ts';

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
  const json = parseAsJson(bytes);
  if (json !== undefined) return json;
  const text = bytes.toString('utf8');
  checkDepth(text);
  const yaml = load();
  const lines = new yaml.LineCounter();
  const document = firstDocument(yaml, text, lines);
  if (document === undefined) return { value: null, duplicates: [] };
  const [error] = document.errors;
  if (error !== undefined) {
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: ${explain(error, lines)}`, { cause: error });
  }
  return { value: toValue(document), duplicates: findDuplicates(yaml, document, lines) };
}

/** Most of what comes as YAML is JSON, which is read many times faster. */
function parseAsJson(bytes: Buffer): ParsedYaml | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const { value, duplicates } = parseJson(bytes, { findDuplicates: true });
    return duplicates.length === 0 ? { value, duplicates } : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

/** Of several documents the first counts; the others are not even read. */
function firstDocument(yaml: Yaml, text: string, lines: LineCounter): Document.Parsed | undefined {
  const composer = new yaml.Composer({
    version: '1.1',
    merge: true,
    uniqueKeys: false,
    lineCounter: lines,
    customTags: asInGo,
    logLevel: 'silent',
  });
  const tokens = new yaml.Parser(lines.addNewLine).parse(text);
  const [document] = composer.compose(tokens).take(1);
  return document as Document.Parsed | undefined;
}

/** Uses of anchors; beyond it a small text could become a huge value. */
const MAX_ALIASES = 10_000;
const MAX_DEPTH = 10_000;

/** Refuses what is nested so deeply that only an attacker writes it, before any time is spent. */
function checkDepth(text: string): void {
  if (text.length <= MAX_DEPTH) return;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5b || code === 0x7b) depth++;
    else if ((code === 0x5d || code === 0x7d) && depth > 0) depth--;
    if (depth > MAX_DEPTH)
      throw new YamlSyntaxError(`error converting YAML to JSON: yaml: exceeded max depth of ${MAX_DEPTH}`);
  }
  // Time for them would grow with the square of their number.
  if (/(?:&\S*[ \t\n]+){100}/.test(text)) {
    throw new YamlSyntaxError('error converting YAML to JSON: yaml: did not find expected node content');
  }
  if (/(?:[-?:][ \t]+){10000}/.test(text)) {
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: exceeded max depth of ${MAX_DEPTH}`);
  }
}

/** Go's library knows no times, no numbers to the base of sixty, no sets; bytes are text to it, and `0o17` a number. */
function asInGo(tags: Tags): Tags {
  const kept = (tags as ScalarTag[]).filter(
    ({ tag, format }) => format !== 'TIME' && !/:(timestamp|set|omap|pairs|binary)$/.test(tag),
  );
  const octal: ScalarTag = {
    tag: 'tag:yaml.org,2002:int',
    default: true,
    format: 'OCT',
    test: /^[-+]?0o[0-7_]+$/,
    resolve: (text) => Number.parseInt(text.replace(/0o|_/g, ''), 8),
  };
  const binary: ScalarTag = {
    tag: 'tag:yaml.org,2002:binary',
    resolve: (text) => Buffer.from(text, 'base64').toString('utf8'),
  };
  return [octal, binary, ...kept];
}

/** @throws YamlSyntaxError for anchors that are unknown or repeated beyond measure, and for numbers that JSON lacks */
function toValue(document: Document.Parsed): unknown {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const unknown = /: (\S+)$/.exec(text)?.[1];
    const why = /^Unresolved/.test(text)
      ? `unknown anchor '${unknown}' referenced`
      : 'document contains excessive aliasing';
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: ${why}`, { cause });
  }
  refuseInfinity(value);
  return value;
}

function refuseInfinity(value: unknown): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const shown = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
    throw new YamlSyntaxError(`error converting YAML to JSON: json: unsupported value: ${shown}`);
  }
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) refuseInfinity(inner);
}

/** Go's parser counts lines from zero, its scanner from one. */
function explain(error: YAMLParseError, lines: LineCounter): string {
  const { line } = lines.linePos(error.pos[0]);
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
