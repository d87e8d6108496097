import type { AnyObject } from '../../machinery/object/object.ts';
import type { AuthenticatedCall, Handler, ObjectAnswer } from '../call.ts';
import type { CreateRequest, Written } from '../registry/store.ts';
import { decodeBody } from './decode-body.ts';
import { requireAcceptable } from './media.ts';
import { dropRepeatedOwners, settleNamespace, wipeSystemFields } from './new-object.ts';
import { addWarning, tellBody, toAttempt, type VerbScope } from './scope.ts';
import { trackFields } from './track-fields.ts';
import { readCreateOptions } from './write-options.ts';

/** Whatever takes a new object: a store, or something that only acts on it. */
export type CreateFunction = (object: AnyObject, request: CreateRequest, call: AuthenticatedCall) => Promise<Written>;

export interface CreateOptions {
  /** Subresources such as bindings take uid and resourceVersion as preconditions. Default false. */
  readonly keepsSystemFields?: boolean | undefined;
}

/** Serves POST: decode, mutate, store (which validates). Source: apiserver `endpoints/handlers/create.go`. */
export function createHandler(
  scope: VerbScope,
  create: CreateFunction,
  { keepsSystemFields = false }: CreateOptions = {},
): Handler<AuthenticatedCall, ObjectAnswer> {
  return async (call) => {
    requireAcceptable(call, scope.bodyDefinition, { tables: scope.tables });
    await call.body();
    const options = readCreateOptions(call);
    const object = await decodeBody(call, scope.bodyDefinition, options.fieldValidation);
    tellBody(call, object, scope);
    if (!keepsSystemFields) wipeSystemFields(object);
    settleNamespace(object, call, scope);
    dropRepeatedOwners(object, call, { afterAdmission: false });
    await trackFields(scope, undefined, object, options.fieldManager);
    const facts = { operation: 'CREATE', dryRun: options.dryRun, previous: undefined } as const;
    const name = call.info.name || (object.metadata.name ?? '');
    await scope.deps.admission.mutate(toAttempt(call, scope, { ...facts, name, object }));
    dropRepeatedOwners(object, call, { afterAdmission: true });
    const written = await create(
      object,
      {
        userName: call.user.name,
        dryRun: options.dryRun,
        warn: (text) => addWarning(call, text),
        signal: call.signal,
        validate: (finished) => {
          const finalName = call.info.name || (finished.metadata.name ?? '');
          return scope.deps.admission.validate(toAttempt(call, scope, { ...facts, name: finalName, object: finished }));
        },
      },
      call,
    );
    return toObjectAnswer(scope, 201, written);
  };
}

export function toObjectAnswer(scope: VerbScope, status: number, written: Written): ObjectAnswer {
  // Only what is not stored can be a Status; what is stored is not parsed for the question.
  const isStatus = written.json === undefined && written.object.kind === 'Status';
  return {
    kind: 'object',
    status,
    item: written,
    ...(isStatus ? {} : { table: { definition: scope.bodyDefinition, tables: scope.tables } }),
  };
}
