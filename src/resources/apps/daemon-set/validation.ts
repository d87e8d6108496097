import type { DaemonSet, DaemonSetUpdateStrategy } from '../../../generated/api/apps/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { matchesLabels, parseSelectorObject } from '../../../machinery/values/selector-object.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView, toSelectorView } from '../../checks/go-view.ts';
import { checkAtMost100Percent, checkIntOrPercent, numberOf } from '../../checks/int-or-percent.ts';
import { checkLabelSelector, isEmptySelector, isUsableSelector } from '../../checks/labels.ts';
import { checkCollisions, checkCounts, checkLastingTemplate, checkSameSelector } from '../workload.ts';

/** Source of all: apps/validation (ValidateDaemonSet, …Update, …StatusUpdate). */

export function validateDaemonSet(daemonSet: DaemonSet): readonly FieldError[] {
  const faults = new FieldFaults();
  check(daemonSet, faults);
  return faults.list;
}

export function validateDaemonSetUpdate(next: DaemonSet, previous: DaemonSet): readonly FieldError[] {
  const faults = new FieldFaults();
  checkSameSelector(next.spec.selector, previous.spec.selector, faults);
  check(next, faults);
  return faults.list;
}

function check({ spec }: DaemonSet, faults: FieldFaults): void {
  const { selector, template } = spec;
  checkLabelSelector(selector, 'spec.selector', faults);
  const labels = template?.metadata?.labels;
  const matches = selector !== undefined && matchesLabels(parseSelectorObject(selector), labels ?? {});
  if ((!selector || isUsableSelector(selector)) && !matches) {
    const why = '`selector` does not match template `labels`';
    faults.invalid('spec.template.metadata.labels', labels ?? null, why);
  }
  if (selector && isEmptySelector(selector))
    faults.invalid('spec.selector', toSelectorView(selector), 'empty selector is invalid for daemonset');
  checkLastingTemplate(template, 'DaemonSet', faults);
  faults.nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  checkStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy', faults);
  faults.nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit);
}

function checkStrategy(strategy: DaemonSetUpdateStrategy, path: string, faults: FieldFaults): void {
  const { type, rollingUpdate } = strategy;
  if (type === 'OnDelete') return;
  if (type !== 'RollingUpdate') {
    const shown = toGoView(strategy, 'apps/v1.DaemonSetUpdateStrategy');
    return faults.notSupported(path, shown, ['RollingUpdate', 'OnDelete']);
  }
  if (!rollingUpdate) return faults.required(`${path}.rollingUpdate`);
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const unavailable = `${path}.rollingUpdate.maxUnavailable`;
  const surge = `${path}.rollingUpdate.maxSurge`;
  checkIntOrPercent(maxUnavailable, unavailable, faults);
  checkIntOrPercent(maxSurge, surge, faults);
  checkAtMost100Percent(maxUnavailable, unavailable, faults);
  checkAtMost100Percent(maxSurge, surge, faults);
  const hasUnavailable = numberOf(maxUnavailable) !== 0;
  const hasSurge = numberOf(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) faults.invalid(surge, maxSurge, 'may not be set when maxUnavailable is non-zero');
  else if (!hasUnavailable && !hasSurge) faults.required(unavailable, 'cannot be 0 when maxSurge is 0');
}

export function validateDaemonSetStatus(next: DaemonSet, previous: DaemonSet): readonly FieldError[] {
  const faults = new FieldFaults();
  checkCounts(
    next.status,
    [
      'currentNumberScheduled',
      'numberMisscheduled',
      'desiredNumberScheduled',
      'numberReady',
      'observedGeneration',
      'updatedNumberScheduled',
      'numberAvailable',
      'numberUnavailable',
      'collisionCount',
    ],
    faults,
  );
  checkCollisions(next.status, previous.status, faults);
  return faults.list;
}
