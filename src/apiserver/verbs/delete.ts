import type { AnyObject } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { AuthenticatedCall, Handler, ObjectAnswer } from '../call.ts';
import type { ResourceStore, Written } from '../registry/store.ts';
import { decodeDeleteOptions, warnOfPropagation } from './decode-delete-options.ts';
import { toDeleteOptionsObject } from './delete-options.ts';
import { requireAcceptable } from './media.ts';
import { addWarning, toAttempt, type VerbScope } from './scope.ts';
import { keyOfCall } from './update.ts';

/** Kinds whose deletion answers with the object even when it is gone. Source: `ReturnDeletedObject` in `pkg/registry`. */
const returnsObject = new Set([
  '/namespaces',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/pods',
  '/podtemplates',
  '/resourcequotas',
  '/services',
  '/serviceaccounts',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourceslices',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/volumeattributesclasses',
]);

/** Serves DELETE of one object. Source: apiserver `endpoints/handlers/delete.go`. */
export function deleteHandler(scope: VerbScope, store: ResourceStore): Handler<AuthenticatedCall, ObjectAnswer> {
  const { admission } = scope.deps;
  return async (call) => {
    requireAcceptable(call, scope.bodyDefinition);
    const options = await decodeDeleteOptions(call);
    warnOfPropagation(call, scope.definition, options);
    const { name } = call.info;
    const { written, deleted } = await store.delete(keyOfCall(call, scope), {
      ...options,
      userName: call.user.name,
      warn: (text) => addWarning(call, text),
      signal: call.signal,
      async validate(previous) {
        const facts = { operation: 'DELETE', name, dryRun: options.dryRun, object: undefined, previous } as const;
        const attempt = toAttempt(call, scope, { ...facts, options: toDeleteOptionsObject(options) });
        await admission.mutate(attempt);
        await admission.validate(attempt);
      },
    });
    const status = !deleted && options.orphanDependents === false ? 202 : 200;
    return toDeleteAnswer(scope, status, written, { deleted });
  };
}

function toDeleteAnswer(
  scope: VerbScope,
  status: number,
  written: Written,
  options: { deleted: boolean },
): ObjectAnswer {
  const { definition } = scope;
  const table = { definition };
  if (!options.deleted || returnsObject.has(`${definition.group}/${definition.plural}`)) {
    return { kind: 'object', status, item: written, table };
  }
  return { kind: 'object', status, item: { object: toSuccess(written.object, definition) } };
}

function toSuccess(object: AnyObject, { group, plural }: ResourceDefinition): AnyObject {
  const { name, uid } = object.metadata;
  const details = { name, ...(group === '' ? {} : { group }), kind: plural, uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}
