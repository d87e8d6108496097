import type { AuthenticatedCall, Handler, ObjectAnswer } from '../call.ts';
import { cloneJson } from '../registry/clone-json.ts';
import type { ResourceStore } from '../registry/store.ts';
import type { UpdateRules } from '../registry/update-rules.ts';
import { toObjectAnswer } from './create.ts';
import { decodeBody } from './decode-body.ts';
import { requireAcceptable } from './media.ts';
import { checkName, dropRepeatedOwners, settleNamespace } from './new-object.ts';
import { addWarning, requireCreate, tellBody, toAttempt, type VerbScope } from './scope.ts';
import { trackFields } from './track-fields.ts';
import { readUpdateOptions } from './write-options.ts';

/** What takes updates: a store, or something that reads and writes through one. */
export type Updatable = Pick<ResourceStore, 'update'>;

/** Where an update goes, and by which rules. */
export interface UpdateTarget {
  readonly store: Updatable;
  readonly rules?: UpdateRules | undefined;
}

/** Serves PUT: the body replaces the object. Source: apiserver `endpoints/handlers/update.go`. */
export function updateHandler(scope: VerbScope, target: UpdateTarget): Handler<AuthenticatedCall, ObjectAnswer> {
  const { admission } = scope.deps;
  return async (call) => {
    requireAcceptable(call, scope.bodyDefinition);
    await call.body();
    const options = readUpdateOptions(call);
    const body = await decodeBody(call, scope.bodyDefinition, options.fieldValidation);
    tellBody(call, body, scope);
    settleNamespace(body, call, scope);
    const { name } = call.info;
    checkName(body, name);
    const dryRun = options.dryRun;
    const key = keyOfCall(call, scope);
    const { written, created } = await target.store.update(key, {
      userName: call.user.name,
      dryRun,
      fieldManager: options.fieldManager,
      warn: (text) => addWarning(call, text),
      signal: call.signal,
      createsMissing: false,
      uid: body.metadata.uid || undefined,
      rules: target.rules,
      async transform(previous) {
        const next = cloneJson(body);
        await trackFields(scope, previous, next, options.fieldManager);
        const operation = previous === undefined ? 'CREATE' : 'UPDATE';
        await admission.mutate(toAttempt(call, scope, { operation, name, dryRun, object: next, previous }));
        dropRepeatedOwners(next, call, { afterAdmission: true });
        return next;
      },
      validate: (object, previous) =>
        admission.validate(toAttempt(call, scope, { operation: 'UPDATE', name, dryRun, object, previous })),
      async validateCreate(object) {
        await requireCreate(call, scope);
        await admission.validate(
          toAttempt(call, scope, { operation: 'CREATE', name, dryRun, object, previous: undefined }),
        );
      },
    });
    return toObjectAnswer(scope, created ? 201 : 200, written);
  };
}

/** The key that a path names. */
export function keyOfCall(call: AuthenticatedCall, scope: VerbScope): { namespace?: string; name: string } {
  const { namespace, name } = call.info;
  return scope.definition.namespaced ? { namespace, name } : { name };
}
