import type { LabelSelector } from '../../generated/api/meta/v1.ts';

export type LabelOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

/** One condition on labels; all of a selector must hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** Conditions, all of which must hold; none of them: everything matches. `nothing` matches no object. */
export type Requirements = readonly LabelRequirement[];

/** A selector that no labels satisfy: what an absent selector object stands for. */
const nothing: Requirements = Object.freeze([Object.freeze({ key: '', operator: 'In', values: [] })]) as Requirements;

/**
 * Reads a selector object. Absent matches nothing, empty matches everything.
 *
 * Source: apimachinery `pkg/apis/meta/v1/helpers.go` (LabelSelectorAsSelector).
 */
export function parseSelectorObject(selector: LabelSelector | undefined): Requirements {
  if (selector === undefined || selector === null) return nothing;
  const exact = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]): LabelRequirement => ({ key, operator: 'In', values: [value] }),
  );
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values }): LabelRequirement => ({
      key: key ?? '',
      operator: operator as LabelOperator,
      values: values ?? [],
    }),
  );
  return [...exact, ...expressions];
}

/** Whether labels satisfy all requirements. */
export function matchesLabels(requirements: Requirements, labels: Readonly<Record<string, string>>): boolean {
  return requirements.every(({ key, operator, values }) =>
    meetsRequirement(operator, values, Object.hasOwn(labels, key) ? labels[key] : undefined),
  );
}

/**
 * Whether a value, or the absence of one, is what an operator of selectors asks for. Operators that nobody knows are met
 * by nothing.
 *
 * Source: apimachinery `pkg/labels/selector.go` (Requirement.Matches).
 */
export function meetsRequirement(
  operator: string | undefined,
  values: readonly string[] | undefined,
  actual: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values?.includes(actual) === true;
    case 'NotIn':
      return actual === undefined || values?.includes(actual) !== true;
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
      return isWhole(actual) && isWhole(values?.[0]) && BigInt(actual) > BigInt(values[0]);
    case 'Lt':
      return isWhole(actual) && isWhole(values?.[0]) && BigInt(actual) < BigInt(values[0]);
    default:
      return false;
  }
}

function isWhole(text: string | undefined): text is string {
  return text !== undefined && /^[+-]?\d+$/.test(text);
}

/**
 * A selector in the form of the `labelSelector` parameter, sorted by key; empty for one that asks for nothing.
 *
 * Source: apimachinery `pkg/labels/selector.go` (Requirement.String): lists of one value keep their brackets.
 */
export function toSelectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const terms = Object.entries(matchLabels).map(([key, value]) => ({ key, text: `${key}=${value}` }));
  for (const { key, operator, values = [] } of matchExpressions) {
    terms.push({ key, text: expressionText(key, operator, [...values].sort().join(',')) });
  }
  terms.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return terms.map(({ text }) => text).join(',');
}

function expressionText(key: string, operator: string, list: string): string {
  switch (operator) {
    case 'In':
      return `${key} in (${list})`;
    case 'NotIn':
      return `${key} notin (${list})`;
    case 'Exists':
      return key;
    default:
      return `!${key}`;
  }
}
