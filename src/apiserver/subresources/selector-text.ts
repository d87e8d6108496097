import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import { toSelectorText } from '../../machinery/values/selector-object.ts';

/** A LabelSelector, or the plain map of labels that replication controllers have, as `status.selector` of a scale shows it. */
export function selectorText(selector: unknown): string {
  if (typeof selector !== 'object' || selector === null) return '';
  const isStructured = 'matchLabels' in selector || 'matchExpressions' in selector;
  return toSelectorText(
    isStructured ? (selector as LabelSelector) : { matchLabels: selector as Readonly<Record<string, string>> },
  );
}
