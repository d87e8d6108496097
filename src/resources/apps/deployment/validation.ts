import type { Deployment, DeploymentStrategy } from '../../../generated/api/apps/v1.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { toGoView } from '../../checks/go-view.ts';
import { checkAtMost100Percent, checkIntOrPercent, numberOf } from '../../checks/int-or-percent.ts';
import {
  checkAtMost,
  checkCollisions,
  checkCounts,
  checkLastingTemplate,
  checkSameSelector,
  checkSelector,
  checkTemplateLabels,
} from '../workload.ts';

/** Source of all: apps/validation (ValidateDeployment, …Update, …StatusUpdate). */

export function validateDeployment(deployment: Deployment): readonly FieldError[] {
  const faults = new FieldFaults();
  check(deployment, faults);
  return faults.list;
}

export function validateDeploymentUpdate(next: Deployment, previous: Deployment): readonly FieldError[] {
  const faults = new FieldFaults();
  check(next, faults);
  checkSameSelector(next.spec.selector, previous.spec.selector, faults);
  return faults.list;
}

function check(deployment: Deployment, faults: FieldFaults): void {
  const { spec } = deployment;
  faults.nonNegative('spec.replicas', spec.replicas);
  if (checkSelector(spec.selector, 'deployment', 'invalid label selector', faults)) {
    checkTemplateLabels(deployment, faults);
    // Upstream names the kind that the pods will belong to.
    checkLastingTemplate(spec.template, 'ReplicaSet', faults);
  }
  checkStrategy(spec.strategy ?? {}, 'spec.strategy', faults);
  faults.nonNegative('spec.minReadySeconds', spec.minReadySeconds);
  faults.nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit);
  const { progressDeadlineSeconds: deadline } = spec;
  faults.nonNegative('spec.progressDeadlineSeconds', deadline);
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0))
    faults.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds');
}

function checkStrategy(strategy: DeploymentStrategy, path: string, faults: FieldFaults): void {
  const { type, rollingUpdate } = strategy;
  if (type === 'Recreate') {
    if (rollingUpdate)
      faults.forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'");
  } else if (type !== 'RollingUpdate') {
    const shown = toGoView(strategy, 'apps/v1.DeploymentStrategy');
    faults.notSupported(path, shown, ['Recreate', 'RollingUpdate']);
  } else if (!rollingUpdate) faults.required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil');
  else {
    const { maxUnavailable, maxSurge } = rollingUpdate;
    const at = `${path}.rollingUpdate.maxUnavailable`;
    checkIntOrPercent(maxUnavailable, at, faults);
    checkIntOrPercent(maxSurge, `${path}.rollingUpdate.maxSurge`, faults);
    if (numberOf(maxUnavailable) === 0 && numberOf(maxSurge) === 0)
      faults.invalid(at, maxUnavailable ?? 0, 'may not be 0 when `maxSurge` is 0');
    checkAtMost100Percent(maxUnavailable, at, faults);
  }
}

export function validateDeploymentStatus(next: Deployment, previous: Deployment): readonly FieldError[] {
  const faults = new FieldFaults();
  const { status } = next;
  checkCounts(
    status,
    [
      'observedGeneration',
      'replicas',
      'updatedReplicas',
      'readyReplicas',
      'availableReplicas',
      'unavailableReplicas',
      'terminatingReplicas',
      'collisionCount',
    ],
    faults,
  );
  checkAtMost(status, ['updatedReplicas', 'readyReplicas', 'availableReplicas'], 'replicas', 'status.replicas', faults);
  checkAtMost(status, ['availableReplicas'], 'readyReplicas', 'readyReplicas', faults);
  checkCollisions(status, previous.status, faults);
  return faults.list;
}
