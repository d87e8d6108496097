import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../../generated/api/certificates/v1.ts';
import { systemTimeText } from '../../checks/system-time.ts';

/** Source of all: pkg/registry/certificates/certificates/strategy.go. */

type Condition = CertificateSigningRequestCondition;

/** Conditions of a type, in their order. */
export function conditionsOf({ status }: CertificateSigningRequest, type: string): readonly Condition[] {
  return (status?.conditions ?? []).filter((condition) => (condition.type ?? '') === type);
}

/** Writes times into conditions that have none; a condition that stays keeps the time of its last change. */
export function fillTimes(next: CertificateSigningRequest, previous: CertificateSigningRequest): void {
  for (const condition of next.status?.conditions ?? []) {
    condition.lastUpdateTime ??= systemTimeText();
    const before = conditionsOf(previous, condition.type ?? '').find(
      ({ status, lastTransitionTime }) => status === condition.status && lastTransitionTime,
    );
    condition.lastTransitionTime ??= before?.lastTransitionTime ?? systemTimeText();
  }
}

/** Undoes what an update of status changed in conditions that are not its business. */
export function keepConditions(
  next: CertificateSigningRequest,
  previous: CertificateSigningRequest,
  type: string,
): void {
  const before = conditionsOf(previous, type);
  if (next.status?.conditions === undefined || before.length !== conditionsOf(next, type).length) return;
  let index = 0;
  next.status.conditions = next.status.conditions.map((condition) =>
    condition.type === type ? { ...(before[index++] ?? condition) } : condition,
  );
}
