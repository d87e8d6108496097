import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '../../generated/api/apiextensions/v1.ts';
import { toTimeText } from '../../machinery/values/time.ts';

export type CrdConditionType =
  | 'NamesAccepted'
  | 'Established'
  | 'Terminating'
  | 'NonStructuralSchema'
  | 'KubernetesAPIApprovalPolicyConformant';

export interface WantedCondition {
  readonly type: CrdConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export function findCondition(
  crd: CustomResourceDefinition,
  type: CrdConditionType,
): CustomResourceDefinitionCondition | undefined {
  return crd.status?.conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(crd: CustomResourceDefinition, type: CrdConditionType): boolean {
  return findCondition(crd, type)?.status === 'True';
}

/** Conditions with one set. Its transition time moves with its status only. */
export function withCrdCondition(
  conditions: readonly CustomResourceDefinitionCondition[],
  wanted: WantedCondition,
  nowMs: number,
): CustomResourceDefinitionCondition[] {
  const before = conditions.find((condition) => condition.type === wanted.type);
  const kept = before?.status === wanted.status ? before.lastTransitionTime : undefined;
  const next = { ...wanted, lastTransitionTime: kept ?? toTimeText(nowMs) };
  if (before === undefined) return [...conditions, next];
  return conditions.map((condition) => (condition === before ? next : condition));
}
