import { changesClaimUsage } from '../../../../resources/quota/claim-evaluator.ts';
import { countEvaluator, type Evaluator } from '../../../../resources/quota/evaluator.ts';
import { specialEvaluators, uncountedKinds } from '../../../../resources/quota/evaluators.ts';
import { changesTermination } from '../../../../resources/quota/pod-evaluator.ts';
import type { AdmissionAttempt } from '../../admission.ts';

/** How a request counts; undefined where it takes nothing. Source: `Handles` of each evaluator in `pkg/quota/v1`. */
export function evaluatorFor(attempt: AdmissionAttempt): Evaluator | undefined {
  const path = `${attempt.group}/${attempt.resource}`;
  if (uncountedKinds.has(path)) return undefined;
  const special = specialEvaluators[path];
  if (special !== undefined) return isHandled(path, attempt) ? special : undefined;
  if (attempt.operation !== 'CREATE' || attempt.subresource !== '') return undefined;
  return countEvaluator({ group: attempt.group, plural: attempt.resource });
}

function isHandled(path: string, { operation, subresource, object, previous }: AdmissionAttempt): boolean {
  if (object === undefined || (operation === 'UPDATE' && previous === undefined)) return false;
  const update = operation === 'UPDATE' && previous !== undefined;
  if (path === '/pods') {
    if (subresource === 'resize') return update;
    if (subresource !== '') return false;
    return operation === 'CREATE' || (update && changesTermination(object, previous));
  }
  if (path === '/persistentvolumeclaims' && subresource === 'status') {
    return update && changesClaimUsage(object, previous);
  }
  return subresource === '';
}
