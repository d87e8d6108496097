import type { FlowSchemaStatus } from '../../generated/api/flowcontrol/v1.ts';
import type { FieldFaults } from '../checks/field-faults.ts';

/** Conditions, each with a type of its own. Source: flowcontrol/validation (ValidateFlowSchemaStatus and its twin). */
export function checkStatus(status: FlowSchemaStatus | undefined, faults: FieldFaults): void {
  const seen = new Set<string>();
  status?.conditions?.forEach(({ type = '' }, index) => {
    const path = `status.conditions[${index}].type`;
    if (seen.has(type)) faults.duplicate(path, type);
    seen.add(type);
    if (type === '') faults.required(path);
  });
}
