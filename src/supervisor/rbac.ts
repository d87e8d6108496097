import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import type { Node } from '../generated/api/core/v1.ts';
import type { ClusterRole, ClusterRoleBinding } from '../generated/api/rbac/v1.ts';
import { clusterrolebindings, clusterroles } from '../generated/resource-types.ts';
import type { ResourceType } from '../machinery/object/object.ts';
import type { Logger } from '../telemetry/logger.ts';

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
  bind('system:k3s-controller', 'system:k3s-controller', 'system:k3s-controller'),
  bind('kube-apiserver-kubelet-admin', 'system:kubelet-api-admin', 'kube-apiserver'),
];

/** Puts the rights that agents need in place; writes nothing where they are. */
export async function ensureAgentRbac(client: Client): Promise<void> {
  await Promise.all([
    apply(client, clusterroles, controllerRole),
    ...bindings.map((binding) => apply(client, clusterrolebindings, binding)),
  ]);
}

/** The first version whose flannel does not ask under the kubelet's name. */
const ENOUGH_MINOR = 32;

/**
 * Gives kubelets the right to read all nodes as soon as one registers that is older. Flannel of agents before 1.32 watches
 * all nodes under the kubelet's identity, which the node authorizer of today does not allow by itself; kubelets could
 * until Kubernetes 1.31. A cluster without such agents gives nothing away.
 * @returns how to stop it.
 */
export function admitOlderAgents(client: Client, nodes: Informer<Node>, logger: Logger): () => void {
  let done = false;
  const look = (node: Node): void => {
    if (done || !isOlder(node)) return;
    done = true;
    Promise.all([
      apply(client, clusterroles, olderAgentsRole),
      apply(client, clusterrolebindings, olderAgentsBinding),
    ]).catch((error: unknown) => {
      // Its node is told of again with its next status.
      done = false;
      logger.warn('the rights of older agents are not in place', { error });
    });
  };
  return nodes.addHandler({ added: look, updated: look });
}

function isOlder({ status }: Node): boolean {
  const [, minor] = /^v1\.(\d+)\./.exec(status?.nodeInfo?.kubeletVersion ?? '') ?? [];
  return minor !== undefined && Number(minor) < ENOUGH_MINOR;
}

async function apply<T extends ClusterRole | ClusterRoleBinding>(
  client: Client,
  type: ResourceType<T>,
  object: T,
): Promise<void> {
  await client.patch(type, { name: object.metadata.name ?? '' }, object, {
    type: 'apply',
    force: true,
    fieldManager: 'k3s-supervisor',
  });
}
