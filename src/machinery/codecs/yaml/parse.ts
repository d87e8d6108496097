import { JsonSyntaxError, parseJson } from '../json/parse.ts';
import { composeYaml } from './compose.ts';
import { toYamlValue } from './to-value.ts';
import { MAX_DEPTH, YamlFault } from './yaml-fault.ts';

/** YAML that cannot be read; the message is upstream's. */
export class YamlSyntaxError extends Error {
  override readonly name = 'YamlSyntaxError';
}

export interface ParsedYaml {
  readonly value: unknown;
  /** Sentences on keys that stand twice, such as `line 5: key "x" already set in map`. */
  readonly duplicates: readonly string[];
}

/**
 * Reads the first document as upstream does, which is mostly YAML 1.1. Of keys that stand twice the last counts.
 * @throws YamlSyntaxError
 */
export function parseYaml(bytes: Buffer): ParsedYaml {
  const json = parseAsJson(bytes);
  if (json !== undefined) return json;
  try {
    const root = composeYaml(bytes);
    return root === undefined ? { value: null, duplicates: [] } : toYamlValue(root);
  } catch (cause) {
    // Only an attacker nests so deeply that the stack ends.
    const message = cause instanceof RangeError ? `exceeded max depth of ${MAX_DEPTH}` : faultText(cause);
    const isOfYaml = !/^(json: |unsupported map key)/.test(message);
    throw new YamlSyntaxError(`error converting YAML to JSON: ${isOfYaml ? 'yaml: ' : ''}${message}`, { cause });
  }
}

function faultText(cause: unknown): string {
  if (cause instanceof YamlFault) return cause.message;
  throw cause;
}

/** Most of what comes as YAML is JSON, which is read many times faster. */
function parseAsJson(bytes: Buffer): ParsedYaml | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const { value, duplicates, hasHugeNumbers } = parseJson(bytes, { findDuplicates: true });
    // To YAML, numbers that are too large are texts.
    return duplicates.length === 0 && !hasHugeNumbers ? { value, duplicates } : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
