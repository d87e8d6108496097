import type { Client } from '../client/client.ts';
import type { ClusterRole, ClusterRoleBinding } from '../generated/api/rbac/v1.ts';
import { clusterrolebindings, clusterroles } from '../generated/resource-types.ts';
import type { ResourceType } from '../machinery/object/object.ts';

const read = ['get', 'list', 'watch'];

/** What the agent's own controllers may do. Source: k3s `manifests/rolebindings.yaml`, the newest rules. */
const controllerRole: ClusterRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'system:k3s-controller' },
  rules: [
    { apiGroups: [''], resources: ['nodes'], verbs: read },
    { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
    { apiGroups: [''], resources: ['namespaces', 'endpoints', 'pods'], verbs: read },
    { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
  ],
};

const bind = (name: string, role: string, user: string): ClusterRoleBinding => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
});

const bindings: readonly ClusterRoleBinding[] = [
  bind('system:k3s-controller', 'system:k3s-controller', 'system:k3s-controller'),
  bind('kube-apiserver-kubelet-admin', 'system:kubelet-api-admin', 'kube-apiserver'),
];

/** Puts the rights that agents need in place; writes nothing where they are. */
export async function ensureAgentRbac(client: Client): Promise<void> {
  const apply = <T extends ClusterRole | ClusterRoleBinding>(type: ResourceType<T>, object: T): Promise<T> =>
    client.patch(type, { name: object.metadata.name ?? '' }, object, {
      type: 'apply',
      force: true,
      fieldManager: 'k3s-supervisor',
    });
  await Promise.all([
    apply(clusterroles, controllerRole),
    ...bindings.map((binding) => apply(clusterrolebindings, binding)),
  ]);
}
