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
  return requirements.every((requirement) => matchesRequirement(requirement, labels));
}

function matchesRequirement(
  { key, operator, values }: LabelRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return isInteger(value) && BigInt(value as string) > BigInt(values[0] ?? '0');
    case 'Lt':
      return isInteger(value) && BigInt(value as string) < BigInt(values[0] ?? '0');
    default:
      return false;
  }
}

function isInteger(text: string | undefined): boolean {
  return text !== undefined && /^[+-]?\d+$/.test(text);
}

/** The query text of a selector, as `status.selector` of a scale shows it. Source: labels.Selector.String. */
export function toSelectorText(requirements: Requirements): string {
  const sorted = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return sorted
    .map(({ key, operator, values }) => {
      const list = [...values].sort().join(',');
      switch (operator) {
        case 'In':
          return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${list})`;
        case 'NotIn':
          return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${list})`;
        case 'Exists':
          return key;
        case 'DoesNotExist':
          return `!${key}`;
        case 'Gt':
          return `${key}>${values[0]}`;
        default:
          return `${key}<${values[0]}`;
      }
    })
    .join(',');
}
