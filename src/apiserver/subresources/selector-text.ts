/** The parts of a LabelSelector, or a plain map of labels as replication controllers have it. */
interface SelectorParts {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** A selector in the form of the `labelSelector` parameter, terms sorted by key. Source: apimachinery `labels/selector.go`. */
export function selectorText(selector: unknown): string {
  if (typeof selector !== 'object' || selector === null) return '';
  const parts = selector as SelectorParts;
  const structured = 'matchLabels' in parts || 'matchExpressions' in parts;
  const labels = structured ? (parts.matchLabels ?? {}) : (selector as Readonly<Record<string, string>>);
  const terms = Object.entries(labels).map(([key, value]) => ({ key, text: `${key}=${value}` }));
  for (const { key, operator, values = [] } of structured ? (parts.matchExpressions ?? []) : []) {
    terms.push({ key, text: expressionText(key, operator, values) });
  }
  terms.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return terms.map(({ text }) => text).join(',');
}

function expressionText(key: string, operator: string, values: readonly string[]): string {
  const list = [...values].sort().join(',');
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
