import { isDeepStrictEqual } from 'node:util';
import { badRequest, conflict, invalid, notFound, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { applyServerSide, describeApplied, describeKind } from '../../machinery/patch/apply/apply.ts';
import { internalPatchError } from '../../machinery/patch/patch-error.ts';
import { TypeMismatchError } from '../../machinery/schema/type-mismatch.ts';
import { unstructuredFault } from '../../machinery/schema/unstructured-fault.ts';
import { wrapNumbers } from '../../machinery/schema/wrap-numbers.ts';
import type { AuthenticatedCall, Handler, ObjectAnswer } from '../call.ts';
import { toObjectAnswer } from './create.ts';
import { toObject, withDefaults } from './decode-body.ts';
import { withVersions } from './kind-versions.ts';
import { requireAcceptable } from './media.ts';
import { checkName, dropRepeatedOwners, settleNamespace } from './new-object.ts';
import { checkAppliedKind, type PatchBody, patchTypeOf, readPatch } from './patch-body.ts';
import { patchObject } from './patch-object.ts';
import { addWarning, requireCreate, toAttempt, type VerbScope } from './scope.ts';
import { fieldManagement, trackFields } from './track-fields.ts';
import { keyOfCall, type UpdateTarget } from './update.ts';
import { type PatchWriteOptions, readPatchOptions } from './write-options.ts';

/** Serves PATCH: the four kinds of patches; an apply creates what is not there. Source: apiserver `endpoints/handlers/patch.go`. */
export function patchHandler(scope: VerbScope, target: UpdateTarget): Handler<AuthenticatedCall, ObjectAnswer> {
  const { admission } = scope.deps;
  return async (call) => {
    const type = patchTypeOf(call, scope.definition);
    requireAcceptable(call, scope.bodyDefinition);
    await call.body();
    const options = readPatchOptions(call, { isApply: type === 'apply' });
    const { name } = call.info;
    const { dryRun } = options;
    // Read once the object is found: that it is missing counts before anything that is wrong with the patch.
    let patch: PatchBody | undefined;
    const { written, created } = await target.store.update(keyOfCall(call, scope), {
      userName: call.user.name,
      dryRun,
      fieldManager: options.fieldManager,
      warn: (text) => addWarning(call, text),
      signal: call.signal,
      createsMissing: type === 'apply' && scope.subresource === '',
      rules: target.rules,
      async transform(previous) {
        const isMissing = previous === undefined && (type !== 'apply' || scope.subresource !== '');
        if (isMissing) throw notFound({ group: scope.definition.group, resource: scope.definition.plural }, name);
        patch ??= await readPatch(call, type, options.fieldValidation);
        const next =
          type === 'apply' || previous === undefined
            ? await applied(call, scope, patch, options, previous)
            : await patched(call, scope, patch, options, previous);
        if (previous === undefined && next.metadata.uid) throw uidMismatch(scope, name, next.metadata.uid);
        settleNamespace(next, call, scope);
        checkName(next, name);
        const operation = previous === undefined ? 'CREATE' : 'UPDATE';
        await admission.mutate(toAttempt(call, scope, { operation, name, dryRun, object: next, previous }));
        dropRepeatedOwners(next, call, { afterAdmission: true });
        return next;
      },
      validate: (object, previous) =>
        admission.validate(toAttempt(call, scope, { operation: 'UPDATE', name, dryRun, object, previous })),
      async validateCreate(object) {
        await requireCreate(call, scope);
        const facts = { operation: 'CREATE', name, dryRun, object, previous: undefined } as const;
        await admission.validate(toAttempt(call, scope, facts));
      },
    });
    return toObjectAnswer(scope, created ? 201 : 200, written);
  };
}

async function patched(
  call: AuthenticatedCall,
  scope: VerbScope,
  patch: PatchBody,
  options: PatchWriteOptions,
  previous: AnyObject,
): Promise<AnyObject> {
  const next = patchObject(call, scope.bodyDefinition, patch, options.fieldValidation, previous);
  await trackFields(scope, previous, next, options.fieldManager);
  return next;
}

async function applied(
  call: AuthenticatedCall,
  scope: VerbScope,
  patch: PatchBody,
  options: PatchWriteOptions,
  previous: AnyObject | undefined,
): Promise<AnyObject> {
  const { bodyDefinition } = scope;
  checkAppliedKind(patch.value, bodyDefinition);
  const { object } = await withVersions(scope, (versions) =>
    applyServerSide({
      ...fieldManagement(scope, options.fieldManager, versions),
      live: previous,
      applied: patch.value as AnyObject,
      force: options.force,
    }),
  );
  const next = withDefaults(fromApplied(object, patch.value as AnyObject, scope), bodyDefinition);
  if (options.fieldValidation === 'Warn') for (const fault of patch.faults) addWarning(call, fault);
  if (options.fieldValidation === 'Strict' && patch.faults.length > 0) {
    const text = `yaml: unmarshal errors:\n  ${patch.faults.join('\n  ')}`;
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${text}`);
  }
  return next;
}

/**
 * The object behind an apply.
 * @throws StatusError 500 for values that pass the schema of apply and fit no Go type, which upstream counts as its own fault
 *
 * Source: apimachinery `managedfields/internal/structuredmerge.go`, `runtime/converter.go`.
 */
function fromApplied(object: AnyObject, applied: AnyObject, scope: VerbScope): AnyObject {
  const { bodyDefinition } = scope;
  try {
    return toObject(object, bodyDefinition).object;
  } catch (error) {
    if (!(error instanceof StatusError && error.cause instanceof TypeMismatchError)) throw error;
    const what = `failed to convert new object (${describeApplied(applied)}) to proper version`;
    const { fieldError } = error.cause;
    if (fieldError !== undefined) throw invalid(bodyDefinition, object.metadata.name ?? '', [fieldError]);
    const fault = unstructuredFault(object, bodyDefinition.schema);
    const wrapped = wrapNumbers(object, bodyDefinition.schema) as AnyObject;
    if (fault === undefined && !isDeepStrictEqual(wrapped, object)) return fromApplied(wrapped, applied, scope);
    const why = fault ?? toConversionFault(error.cause.message);
    const message = `${what}: unable to convert unstructured object to ${describeKind(applied)}: ${why}`;
    throw internalPatchError(message);
  }
}

function toConversionFault(text: string): string {
  if (text.startsWith('illegal base64')) return `error decoding from json: ${text}`;
  // Types that read themselves know of no field.
  return text.replace(/into Go struct field \S+ of type/, 'into Go value of type');
}

function uidMismatch({ definition }: VerbScope, name: string, uid: string): Error {
  const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  return conflict({ group: definition.group, resource: definition.plural }, name, why);
}
