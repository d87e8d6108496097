const stages: Readonly<Record<string, number>> = { alpha: 1, beta: 2, '': 3 };

interface VersionParts {
  readonly major: number;
  readonly stage: number;
  readonly minor: number;
}

/**
 * Orders versions by priority, the preferred one first: GA before beta before alpha, higher numbers first, anything else
 * behind them by name. Source: apimachinery `pkg/version/helpers.go` (CompareKubeAwareVersionStrings).
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  if (left === undefined && right === undefined) return a < b ? -1 : a > b ? 1 : 0;
  if (left === undefined) return 1;
  if (right === undefined) return -1;
  return right.stage - left.stage || right.major - left.major || right.minor - left.minor;
}

function partsOf(version: string): VersionParts | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return undefined;
  const [, major = '0', stage = '', minor = '0'] = match;
  return { major: Number(major), stage: stages[stage] ?? 0, minor: Number(minor) };
}
