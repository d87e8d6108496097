import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { fieldInvalid, toAggregateText } from '../../machinery/errors/field-error.ts';
import { readSchema } from '../../machinery/schema/read-schema.ts';
import { structuralObstacle, validateStructural } from '../../machinery/schema/structural-rules.ts';
import type { CrdConditionType, WantedCondition } from './conditions.ts';
import { type Approval, approvalOf, isProtectedGroup } from './crd-validation.ts';

export interface Quality {
  readonly wanted: readonly WantedCondition[];
  /** Conditions that no longer hold and go. */
  readonly unwanted: readonly CrdConditionType[];
}

/**
 * What is to be said of a definition's schemas and of its review; both only where there is something to say. Pure.
 * Source: apiextensions-apiserver `pkg/controller/{nonstructuralschema,apiapproval}`.
 */
export function judgeQuality(crd: CustomResourceDefinition): Quality {
  const structure = structureOf(crd);
  const approval = isProtectedGroup(crd.spec.group) ? approvalCondition(approvalOf(crd)) : undefined;
  return {
    wanted: [structure, approval].filter((condition) => condition !== undefined),
    unwanted: structure === undefined ? ['NonStructuralSchema'] : [],
  };
}

function structureOf({ spec }: CustomResourceDefinition): WantedCondition | undefined {
  const type = 'NonStructuralSchema';
  const faults =
    spec.preserveUnknownFields === true ? [fieldInvalid('spec.preserveUnknownFields', true, 'must be false')] : [];
  for (const [index, { name, schema }] of (spec.versions ?? []).entries()) {
    if (schema?.openAPIV3Schema === undefined) continue;
    const own = readSchema(schema.openAPIV3Schema);
    const obstacle = structuralObstacle(own);
    if (obstacle !== undefined) {
      const message = `failed to check validation schema for version ${name}: ${obstacle}`;
      return { type, status: 'Unknown', reason: 'StructuralError', message };
    }
    faults.push(...validateStructural(own, `spec.versions[${index}].schema.openAPIV3Schema`));
  }
  if (faults.length === 0) return undefined;
  return { type, status: 'True', reason: 'Violations', message: toAggregateText(faults) };
}

const approvals: Readonly<Record<Approval['state'], Pick<WantedCondition, 'status' | 'reason'>>> = {
  invalid: { status: 'False', reason: 'InvalidAnnotation' },
  missing: { status: 'False', reason: 'MissingAnnotation' },
  approved: { status: 'True', reason: 'ApprovedAnnotation' },
  bypassed: { status: 'False', reason: 'UnapprovedAnnotation' },
};

function approvalCondition({ state, reason }: Approval): WantedCondition {
  return { type: 'KubernetesAPIApprovalPolicyConformant', ...approvals[state], message: reason };
}
