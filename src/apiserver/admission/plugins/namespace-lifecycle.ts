import { namespaces } from '../../../generated/resource-types.ts';
import { forbidden, notFound, StatusError } from '../../../machinery/errors/status-error.ts';
import type { ObjectReader } from '../../object-reader.ts';
import { type AdmissionAttempt, type AdmissionPlugin, refused } from '../admission.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Refuses content for namespaces that do not exist or are going, and the deletion of the three that must stay.
 * Source: apiserver `pkg/admission/plugin/namespace/lifecycle`.
 */
export function namespaceLifecycle(deps: { readonly reader: ObjectReader }): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    async mutate(attempt) {
      if (attempt.group === '' && attempt.resource === 'namespaces') {
        if (attempt.operation !== 'DELETE' || attempt.subresource !== '' || !immortal.has(attempt.name)) return;
        throw forbidden({ group: '', resource: 'namespaces' }, attempt.name, 'this namespace may not be deleted');
      }
      if (attempt.namespace === '' || attempt.operation === 'DELETE' || isAccessReview(attempt)) return;
      const namespace = await deps.reader.get(namespaces, { name: attempt.namespace });
      if (namespace === undefined) throw notFound({ group: '', resource: 'namespaces' }, attempt.namespace);
      if (attempt.operation !== 'CREATE' || namespace.status?.phase !== 'Terminating') return;
      throw terminating(attempt);
    },
  };
}

function isAccessReview(attempt: AdmissionAttempt): boolean {
  return attempt.group === 'authorization.k8s.io' && attempt.resource === 'localsubjectaccessreviews';
}

function terminating(attempt: AdmissionAttempt): StatusError {
  const { namespace } = attempt;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const error = refused(attempt, why);
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  const { code, reason, message, details } = error;
  return new StatusError({ code, reason, message, details: { ...details, causes: [cause] } });
}
