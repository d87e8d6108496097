import { checkEscalation } from '../../authz/escalation.ts';
import type { RbacAuthorizer } from '../../authz/rbac.ts';
import type { Authorizer } from '../../call.ts';
import type { AdmissionPlugin } from '../admission.ts';

const resources = new Set(['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings']);

/** Nobody grants more than they hold. Upstream checks it in the storage of these kinds; the moment is the same. */
export function rbacEscalation(deps: {
  readonly rbac: RbacAuthorizer;
  readonly authorizer: Authorizer;
}): AdmissionPlugin {
  return {
    name: 'RbacEscalation',
    operations: ['CREATE', 'UPDATE'],
    async mutate(attempt) {
      const { group, resource, subresource, object, previous, user, namespace, name, signal } = attempt;
      if (group !== 'rbac.authorization.k8s.io' || subresource !== '' || !resources.has(resource)) return;
      if (object === undefined) return;
      // The right to escalate is asked by the name in the path, which a creation does not have.
      const write = { user, resource, namespace, name: previous === undefined ? '' : name, object, previous };
      await checkEscalation(write, deps.rbac, deps.authorizer, signal);
    },
  };
}
