import type { Container, PodTemplateSpec } from '../../generated/api/core/v1.ts';
import type { LabelSelector } from '../../generated/api/meta/v1.ts';
import { matchesLabels, parseSelectorObject, toSelectorText } from '../../machinery/values/selector-object.ts';
import type { FieldFaults } from '../checks/field-faults.ts';
import { toSelectorView } from '../checks/go-view.ts';
import { checkLabelSelector, isEmptySelector, isUsableSelector } from '../checks/labels.ts';
import { isSameStruct } from '../checks/same.ts';
import type { Cells } from '../columns.ts';
import { checkPodTemplate } from '../core/pod-spec/pod-template.ts';

/** What all workloads have. */
export interface Workload {
  readonly spec: {
    readonly template?: PodTemplateSpec | undefined;
    readonly selector?: LabelSelector | undefined;
  };
}

const containersOf = ({ spec }: Workload): readonly Container[] => spec.template?.spec?.containers ?? [];

/** A selector as one cell. Source: apimachinery `metav1.FormatLabelSelector`. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (!selector) return '<none>';
  return isUsableSelector(selector) ? toSelectorText(selector) || '<none>' : '<error>';
}

/** The selector of a Deployment, whose printer has words of its own. Source: `printers.go` (printDeployment). */
export function ownSelectorText(selector: LabelSelector | undefined): string {
  if (!selector) return '';
  return isUsableSelector(selector) ? toSelectorText(selector) : '<invalid>';
}

/** Source: layoutContainerCells. */
export const containerCells: Cells<Workload> = {
  Containers: (object) =>
    containersOf(object)
      .map(({ name }) => name)
      .join(','),
  Images: (object) =>
    containersOf(object)
      .map(({ image }) => image ?? '')
      .join(','),
};

export const wideCells: Cells<Workload> = { ...containerCells, Selector: ({ spec }) => selectorText(spec.selector) };

/** A selector that says something. @returns whether upstream could use it at all */
export function checkSelector(
  selector: LabelSelector | undefined,
  kind: string,
  unusableText: string,
  faults: FieldFaults,
): boolean {
  const path = 'spec.selector';
  if (!selector) faults.required(path);
  else {
    checkLabelSelector(selector, path, faults);
    if (isEmptySelector(selector))
      faults.invalid(path, toSelectorView(selector), `empty selector is invalid for ${kind}`);
  }
  if (!selector || isUsableSelector(selector)) return true;
  faults.invalid(path, toSelectorView(selector), unusableText);
  return false;
}

/** A selector that stays as it is. */
export function checkSameSelector(
  next: LabelSelector | undefined,
  previous: LabelSelector | undefined,
  faults: FieldFaults,
): void {
  if (!isSameStruct(next, previous, 'meta/v1.LabelSelector'))
    faults.invalid('spec.selector', next ? toSelectorView(next) : null, 'field is immutable');
}

/** The template carries the labels that the selector asks for. An absent selector matches nothing. */
export function checkTemplateLabels({ spec }: Workload, faults: FieldFaults): void {
  const { selector, template } = spec;
  if (selector && isEmptySelector(selector)) return;
  const labels = template?.metadata?.labels;
  if (selector && matchesLabels(parseSelectorObject(selector), labels ?? {})) return;
  const why = '`selector` does not match template `labels`';
  faults.invalid('spec.template.metadata.labels', labels ?? null, why);
}

/** A template whose pods run for ever. Source: apps/validation (ValidatePodTemplateSpecForReplicaSet). */
export function checkLastingTemplate(template: PodTemplateSpec | undefined, kind: string, faults: FieldFaults): void {
  checkPodTemplate(template, 'spec.template', faults);
  checkLasting(template, kind, faults);
}

export function checkLasting(template: PodTemplateSpec | undefined, kind: string, faults: FieldFaults): void {
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (restartPolicy !== 'Always')
    faults.notSupported('spec.template.spec.restartPolicy', restartPolicy ?? '', ['Always']);
  if (activeDeadlineSeconds !== undefined)
    faults.forbidden('spec.template.spec.activeDeadlineSeconds', `activeDeadlineSeconds in ${kind} is not Supported`);
}

interface CollisionStatus {
  readonly collisionCount?: number | undefined;
}

/** A count of hash collisions only grows. */
export function checkCollisions(
  next: CollisionStatus | undefined,
  previous: CollisionStatus | undefined,
  faults: FieldFaults,
): void {
  const before = previous?.collisionCount;
  const after = next?.collisionCount;
  if (before !== undefined && (after === undefined || after < before))
    faults.invalid('status.collisionCount', after ?? 0, 'cannot be decremented');
}

/** Counts of a status that may not be negative. */
export function checkCounts(status: object | undefined, fields: readonly string[], faults: FieldFaults): void {
  for (const field of fields) faults.nonNegative(`status.${field}`, Reflect.get(status ?? {}, field));
}

/** Counts that cannot be greater than another one. */
export function checkAtMost(
  status: object | undefined,
  fields: readonly string[],
  limit: string,
  text: string,
  faults: FieldFaults,
): void {
  const most: number = Reflect.get(status ?? {}, limit) ?? 0;
  for (const field of fields) {
    const value: number = Reflect.get(status ?? {}, field) ?? 0;
    if (value > most) faults.invalid(`status.${field}`, value, `cannot be greater than ${text}`);
  }
}
