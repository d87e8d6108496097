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

/**
 * Flannel of agents before 1.32 watches all nodes under the kubelet's identity, which the node authorizer of today does
 * not allow by itself. Kubelets could read all nodes until Kubernetes 1.31.
 */
const olderAgentsRole: ClusterRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'warren:older-agents' },
  rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['list', 'watch'] }],
};

const olderAgentsBinding: ClusterRoleBinding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'warren:older-agents' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'warren:older-agents' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }],
};

const bind = (name: string, role: string, user: string): ClusterRoleBinding => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
});

const bindings: readonly ClusterRoleBinding[] = [
  olderAgentsBinding,
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
    apply(clusterroles, olderAgentsRole),
    ...bindings.map((binding) => apply(clusterrolebindings, binding)),
  ]);
}
