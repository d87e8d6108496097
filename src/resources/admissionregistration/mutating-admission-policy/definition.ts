import type { MutatingAdmissionPolicy, Mutation } from '../../../generated/api/admissionregistration/v1.ts';
import { mutatingadmissionpolicies } from '../../../generated/resource-types.ts';
import type { FieldError } from '../../../machinery/errors/field-error.ts';
import { FieldFaults } from '../../checks/field-faults.ts';
import { isSame } from '../../checks/same.ts';
import { defineResource } from '../../define.ts';
import {
  checkCompiled,
  checkExpression,
  checkMatchConditions,
  checkParamKind,
  checkVariables,
  compilerOf,
} from '../expressions.ts';
import { paramKindText } from '../param-cells.ts';
import type { PolicyCompiler } from '../policy-compiler.ts';
import { policyExpressions } from '../policy-expressions.ts';
import { reservedNameWarnings } from '../reserved-names.ts';
import { checkMatchResources, checkMutatingOperations, defaultMatchResources, FAILURE_POLICIES } from '../rules.ts';
import { REINVOCATION_POLICIES } from '../webhooks.ts';

/** Source of all: admissionregistration/validation (ValidateMutatingAdmissionPolicy, …Update). */

function check(
  { spec }: MutatingAdmissionPolicy,
  options: { readonly ignoresConditions: boolean },
): readonly FieldError[] {
  const faults = new FieldFaults();
  const { failurePolicy, paramKind, matchConstraints: match, mutations = [] } = spec;
  const hasParams = paramKind !== undefined;
  const compiler = compilerOf({ hasParams, hasVariables: true });
  if (failurePolicy === undefined) faults.required('spec.failurePolicy');
  faults.optionalOneOf('spec.failurePolicy', failurePolicy, FAILURE_POLICIES);
  if (paramKind !== undefined) checkParamKind(paramKind, 'spec.paramKind', faults);
  if (match === undefined) faults.required('spec.matchConstraints');
  else {
    checkMatchResources(match, 'spec.matchConstraints', faults);
    if ((match.resourceRules ?? []).length === 0) faults.required('spec.matchConstraints.resourceRules');
    checkMutatingOperations(match, 'spec.matchConstraints', faults);
  }
  if (!options.ignoresConditions)
    checkMatchConditions(spec.matchConditions, { hasParams }, 'spec.matchConditions', faults);
  checkVariables(spec.variables, compiler, 'spec.variables', faults);
  if (mutations.length === 0) faults.required('spec.mutations', 'mutations must contain at least one item');
  mutations.forEach((mutation, index) => {
    checkMutation(mutation, compiler, `spec.mutations[${index}]`, faults);
  });
  faults.oneOf('spec.reinvocationPolicy', spec.reinvocationPolicy, REINVOCATION_POLICIES);
  return faults.list;
}

const fieldOf = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const;

function checkMutation(mutation: Mutation, compiler: PolicyCompiler, path: string, faults: FieldFaults): void {
  const { patchType } = mutation;
  if (patchType !== 'ApplyConfiguration' && patchType !== 'JSONPatch')
    return faults.oneOf(`${path}.patchType`, patchType, Object.keys(fieldOf));
  const wanted = fieldOf[patchType];
  const other = wanted === 'jsonPatch' ? 'applyConfiguration' : 'jsonPatch';
  const patch = mutation[wanted];
  if (patch === undefined) faults.required(`${path}.${wanted}`, `must be specified when patchType is ${patchType}`);
  else {
    const text = patch.expression?.trim() ?? '';
    const at = `${path}.${wanted}.expression`;
    if (checkExpression(text, '', at, faults)) checkCompiled(compiler.fault(text, wanted), text, at, faults);
  }
  if (mutation[other] !== undefined)
    faults.invalid(`${path}.${other}`, `{${other}}`, `must not be specified when patchType is ${patchType}`);
}

export const mutatingAdmissionPolicyResource = defineResource(mutatingadmissionpolicies, {
  generation: 'spec',
  allowUnconditionalUpdate: false,
  cells: {
    Mutations: ({ spec }) => (spec.mutations ?? []).length,
    ParamKind: ({ spec }) => paramKindText(spec.paramKind),
  },
  strategy: {
    load: () => policyExpressions.load(),
    applyDefaults({ spec }) {
      spec.failurePolicy ??= 'Fail';
      defaultMatchResources(spec.matchConstraints);
    },
    validateCreate: (policy) => check(policy, { ignoresConditions: false }),
    validateUpdate: (next, previous) =>
      check(next, {
        ignoresConditions:
          isSame(next.spec.paramKind, previous.spec.paramKind) &&
          isSame(next.spec.matchConditions, previous.spec.matchConditions),
      }),
    warningsOnCreate: reservedNameWarnings,
    warningsOnUpdate: reservedNameWarnings,
  },
});
