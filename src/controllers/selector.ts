import type { LabelSelector } from '../generated/api/meta/v1.ts';

type Labels = Readonly<Record<string, string>> | undefined;

/** Whether labels meet every wish of a selector. An absent selector meets nothing, an empty one everything. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false;
  if (!matchesLabels(selector.matchLabels, labels)) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const actual = labels?.[key];
    switch (operator) {
      case 'In':
        return actual !== undefined && values.includes(actual);
      case 'NotIn':
        return actual === undefined || !values.includes(actual);
      case 'Exists':
        return actual !== undefined;
      case 'DoesNotExist':
        return actual === undefined;
      default:
        return false;
    }
  });
}

/** Whether labels hold all the pairs wanted; none wanted meets everything. */
export function matchesLabels(wanted: Labels, labels: Labels): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => labels?.[key] === value);
}

/** Whether a selector wishes nothing, and so would take everything. */
export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  if (selector === undefined) return true;
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

/** The selector as a query text (`a=b,c in (d,e)`), keys in order. */
export function toSelectorText(selector: LabelSelector): string {
  const terms = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => [key, `${key}=${value}`] as const);
  const more = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const list = [...values].sort().join(',');
    switch (operator) {
      case 'In':
        return [key, `${key} in (${list})`] as const;
      case 'NotIn':
        return [key, `${key} notin (${list})`] as const;
      case 'Exists':
        return [key, key] as const;
      default:
        return [key, `!${key}`] as const;
    }
  });
  return [...terms, ...more]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, text]) => text)
    .join(',');
}

/** The selector as Go's `%v` prints it: some events show it so. Source: apimachinery `meta/v1/generated.pb.go` (String). */
export function toGoText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}
