import type { ParamKind, ParamRef } from '../../generated/api/admissionregistration/v1.ts';
import type { LabelSelector } from '../../generated/api/meta/v1.ts';

/** Source of all: the printers of admission policies and their bindings. */

export function paramKindText(kind: ParamKind | undefined): string {
  return kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`;
}

export function paramRefText(reference: ParamRef | undefined): string {
  const { name, namespace, selector } = reference ?? {};
  if (name) return `${namespace || '*'}/${name}`;
  return selector === undefined ? '<unset>' : selectorDump(selector);
}

/** A selector as its Go type prints itself. Source: apimachinery `meta/v1/generated.pb.go` (LabelSelector.String). */
function selectorDump({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.keys(matchLabels)
    .sort()
    .map((key) => `${key}: ${matchLabels[key]},`);
  const expressions = matchExpressions.map(
    ({ key = '', operator = '', values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}
