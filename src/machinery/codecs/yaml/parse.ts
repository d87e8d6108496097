import { createRequire } from 'node:module';
import type { parseDocument } from 'yaml';

/** YAML that cannot be read. */
export class YamlSyntaxError extends Error {
  override readonly name = 'YamlSyntaxError';
}

export interface ParsedYaml {
  readonly value: unknown;
  /** Sentences on keys that stand twice. */
  readonly duplicates: readonly string[];
}

/** Loaded with the first YAML: most clients send JSON, and the package takes 20 ms. */
function load(): { parseDocument: typeof parseDocument } {
  return createRequire(import.meta.url)('yaml') as { parseDocument: typeof parseDocument };
}

/** Reads YAML as upstream does, which is YAML 1.1's booleans in a 1.2 text. @throws YamlSyntaxError */
export function parseYaml(bytes: Buffer): ParsedYaml {
  const document = load().parseDocument(bytes.toString('utf8'), { version: '1.1', merge: true, uniqueKeys: false });
  const [error] = document.errors;
  if (error !== undefined)
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: ${error.message.split('\n')[0]}`, { cause: error });
  return { value: document.toJS() as unknown, duplicates: [] };
}
