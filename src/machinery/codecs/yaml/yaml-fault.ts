/** Where something stands in a text; lines and columns count from zero. */
export interface Mark {
  readonly index: number;
  readonly line: number;
  readonly column: number;
}

/** YAML that cannot be read; the message is upstream's. */
export class YamlFault extends Error {
  override readonly name = 'YamlFault';
}

/** A fault that characters show. It is told of in the line where reading stopped, counted from one. */
export function scannerFault(problem: string, at: Mark, from: Mark): YamlFault {
  const line = at.line !== 0 ? at.line + 1 : from.line;
  return new YamlFault(line === 0 ? problem : `line ${line}: ${problem}`);
}

/** A fault that the order of tokens shows. Lines count from zero here, and the first is not told. */
export function parserFault(problem: string, at: Mark, from: Mark = at): YamlFault {
  const line = at.line !== 0 ? at.line : from.line;
  return new YamlFault(line === 0 ? problem : `line ${line}: ${problem}`);
}

/** Levels of nesting that are read. Source: go.yaml.in/yaml `scannerc.go` (max_flow_level, max_indents). */
export const MAX_DEPTH = 10_000;
