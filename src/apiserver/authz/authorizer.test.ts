import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { FakeFeed } from '../../testing/fake-feed.ts';
import type { AuthorizationAttributes, User } from '../call.ts';
import { type Authorization, createAuthorization } from './authorizer.ts';

const signal = new AbortController().signal;
const ask = (verb: string, resource: string, more: Partial<AuthorizationAttributes> = {}): AuthorizationAttributes => ({
  isResourceRequest: true,
  verb,
  path: '',
  group: '',
  version: 'v1',
  namespace: 'a',
  resource,
  subresource: '',
  name: '',
  ...more,
});
const url = (path: string): AuthorizationAttributes => ask('get', '', { isResourceRequest: false, path });
const user = (name: string, ...groups: string[]): User => ({ name, groups: [...groups, 'system:authenticated'] });

const clusterRole = (name: string, ...rules: unknown[]) => ({ metadata: { name }, rules });
const role = (name: string, ...rules: unknown[]) => ({ metadata: { name, namespace: 'a' }, rules });
const binding = (name: string, roleRef: unknown, ...subjects: unknown[]) => ({
  metadata: { name, namespace: 'a' },
  roleRef,
  subjects,
});
const readPods = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

function newFeed(): FakeFeed {
  return new FakeFeed({
    clusterroles: [
      clusterRole('pod-reader', readPods),
      clusterRole('urls', { verbs: ['get'], nonResourceURLs: ['/healthz', '/openapi/*'] }),
      clusterRole('logs', { verbs: ['get'], apiGroups: ['*'], resources: ['*/log'] }),
    ],
    roles: [role('one', { verbs: ['*'], apiGroups: [''], resources: ['secrets'], resourceNames: ['s'] })],
    clusterrolebindings: [
      binding('everyone', { kind: 'ClusterRole', name: 'urls' }, { kind: 'Group', name: 'system:authenticated' }),
      binding('broken', { kind: 'ClusterRole', name: 'absent' }, { kind: 'User', name: 'broken' }),
      binding('carol', { kind: 'ClusterRole', name: 'pod-reader' }, { kind: 'User', name: 'carol' }),
    ],
    rolebindings: [
      binding('dev', { kind: 'ClusterRole', name: 'pod-reader' }, { kind: 'Group', name: 'dev' }),
      binding('robot', { kind: 'Role', name: 'one' }, { kind: 'ServiceAccount', name: 'robot' }),
      binding('logs', { kind: 'ClusterRole', name: 'logs' }, { kind: 'User', name: 'bob' }),
    ],
    pods: [
      {
        metadata: { namespace: 'a', name: 'p', uid: '1' },
        spec: {
          nodeName: 'n1',
          serviceAccountName: 'robot',
          containers: [{ name: 'c', envFrom: [{ secretRef: { name: 'from-env' } }] }],
          volumes: [
            { name: 'v', secret: { secretName: 's' } },
            { name: 'w', persistentVolumeClaim: { claimName: 'data' } },
            { name: 'x', projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }] } },
          ],
        },
      },
      {
        metadata: {
          namespace: 'a',
          name: 'mirror',
          annotations: { 'kubernetes.io/config.mirror': 'x' },
        },
        spec: { nodeName: 'n1', containers: [], volumes: [{ name: 'v', secret: { secretName: 'stolen' } }] },
      },
    ],
    persistentvolumes: [
      {
        metadata: { name: 'pv1' },
        spec: {
          claimRef: { namespace: 'a', name: 'data' },
          csi: { nodeStageSecretRef: { name: 'k', namespace: 'b' } },
        },
      },
    ],
    volumeattachments: [{ metadata: { name: 'va' }, spec: { nodeName: 'n1' } }],
  });
}

const node1 = user('system:node:n1', 'system:nodes');
const node2 = user('system:node:n2', 'system:nodes');

const cases: Record<string, [User, AuthorizationAttributes, string, string]> = {
  'lets masters do anything': [user('x', 'system:masters'), ask('fly', 'moons'), 'allow', ''],
  'allows through a cluster role binding in any namespace': [
    user('carol'),
    ask('get', 'pods', { namespace: 'b', name: 'p' }),
    'allow',
    'RBAC: allowed by ClusterRoleBinding "carol" of ClusterRole "pod-reader" to User "carol"',
  ],
  'allows through a role binding in its own namespace': [
    user('u', 'dev'),
    ask('list', 'pods'),
    'allow',
    'RBAC: allowed by RoleBinding "dev/a" of ClusterRole "pod-reader" to Group "dev"',
  ],
  'keeps a role binding to its namespace': [
    user('u', 'dev'),
    ask('list', 'pods', { namespace: 'b' }),
    'no-opinion',
    '',
  ],
  'does not stretch a namespaced grant to all namespaces': [
    user('u', 'dev'),
    ask('list', 'pods', { namespace: '' }),
    'no-opinion',
    '',
  ],
  'takes the namespace of the binding for a service account': [
    user('system:serviceaccount:a:robot'),
    ask('delete', 'secrets', { name: 's' }),
    'allow',
    'RBAC: allowed by RoleBinding "robot/a" of Role "one" to ServiceAccount "robot/a"',
  ],
  'keeps a rule to its names': [
    user('system:serviceaccount:a:robot'),
    ask('get', 'secrets', { name: 't' }),
    'no-opinion',
    '',
  ],
  'does not let a rule with names list': [
    user('system:serviceaccount:a:robot'),
    ask('list', 'secrets'),
    'no-opinion',
    '',
  ],
  'matches any resource of a subresource': [
    user('bob'),
    ask('get', 'pods', { subresource: 'log', name: 'p' }),
    'allow',
    'RBAC: allowed by RoleBinding "logs/a" of ClusterRole "logs" to User "bob"',
  ],
  'does not take the resource for its subresource': [
    user('u', 'dev'),
    ask('get', 'pods', { subresource: 'log', name: 'p' }),
    'no-opinion',
    '',
  ],
  'matches paths by their beginning': [
    user('u'),
    url('/openapi/v3'),
    'allow',
    'RBAC: allowed by ClusterRoleBinding "everyone" of ClusterRole "urls" to Group "system:authenticated"',
  ],
  'matches paths without a star in full': [user('u'), url('/healthz/etcd'), 'no-opinion', ''],
  'says which role is missing': [
    user('broken'),
    ask('get', 'pods'),
    'no-opinion',
    'RBAC: clusterrole.rbac.authorization.k8s.io "absent" not found',
  ],
  'lets a node read a secret that its pod mounts': [node1, ask('get', 'secrets', { name: 's' }), 'allow', ''],
  'lets a node read a secret from the environment of a pod': [
    node1,
    ask('watch', 'secrets', { name: 'from-env' }),
    'allow',
    '',
  ],
  'keeps another node from the secret': [
    node2,
    ask('get', 'secrets', { name: 's' }),
    'no-opinion',
    "no relationship found between node 'n2' and this object",
  ],
  'gives nothing for what a mirror pod names': [
    node1,
    ask('get', 'secrets', { name: 'stolen' }),
    'no-opinion',
    "no relationship found between node 'n1' and this object",
  ],
  'lets a node read a secret behind the volume of a claim': [
    node1,
    ask('get', 'secrets', { namespace: 'b', name: 'k' }),
    'allow',
    '',
  ],
  'lets a node read a projected config map': [
    node1,
    ask('get', 'configmaps', { name: 'kube-root-ca.crt' }),
    'allow',
    '',
  ],
  'lets a node read the volume of a claim': [
    node1,
    ask('get', 'persistentvolumes', { namespace: '', name: 'pv1' }),
    'allow',
    '',
  ],
  'lets a node make tokens for accounts of its pods': [
    node1,
    ask('create', 'serviceaccounts', { subresource: 'token', name: 'robot' }),
    'allow',
    '',
  ],
  'keeps a node from tokens of other accounts': [
    node1,
    ask('create', 'serviceaccounts', { subresource: 'token', name: 'admin' }),
    'no-opinion',
    "no relationship found between node 'n1' and this object",
  ],
  'lets a node list its own pods': [
    node1,
    ask('list', 'pods', { namespace: '', fieldSelector: 'spec.nodeName=n1' }),
    'allow',
    '',
  ],
  'keeps a node from listing all pods': [
    node1,
    ask('list', 'pods', { namespace: '' }),
    'no-opinion',
    'can only list/watch pods with spec.nodeName field selector',
  ],
  'lets a node renew its lease': [
    node1,
    ask('update', 'leases', { group: 'coordination.k8s.io', namespace: 'kube-node-lease', name: 'n1' }),
    'allow',
    '',
  ],
  'lets a node read its own attachments': [
    node1,
    ask('get', 'volumeattachments', { group: 'storage.k8s.io', namespace: '', name: 'va' }),
    'allow',
    '',
  ],
  'lets a node list services': [node1, ask('list', 'services', { namespace: '' }), 'allow', ''],
  'takes nobody for a node who is not in the group': [
    user('system:node:n1'),
    ask('get', 'secrets', { name: 's' }),
    'no-opinion',
    '',
  ],
};

describe('Node,RBAC authorization', () => {
  let authorization: Authorization;
  before(async () => {
    authorization = await createAuthorization(newFeed());
  });
  for (const [title, [who, wanted, verdict, reason]] of Object.entries(cases)) {
    it(title, async () => {
      assert.deepEqual(await authorization.authorizer.authorize(who, wanted, signal), { verdict, reason });
    });
  }

  it('follows changes of bindings, roles and pods', async () => {
    const feed = newFeed();
    const { authorizer } = await createAuthorization(feed);
    const verdict = async (who: User, wanted: AuthorizationAttributes): Promise<string> =>
      (await authorizer.authorize(who, wanted, signal)).verdict;
    feed.tell(
      'rolebindings',
      'set',
      binding('dev', { kind: 'ClusterRole', name: 'pod-reader' }, { kind: 'User', name: 'eve' }),
    );
    assert.equal(await verdict(user('u', 'dev'), ask('list', 'pods')), 'no-opinion');
    assert.equal(await verdict(user('eve'), ask('list', 'pods')), 'allow');
    feed.tell('clusterroles', 'gone', clusterRole('pod-reader'));
    assert.equal(await verdict(user('eve'), ask('list', 'pods')), 'no-opinion');
    feed.tell('pods', 'gone', { metadata: { namespace: 'a', name: 'p' } });
    assert.equal(await verdict(node1, ask('get', 'secrets', { name: 's' })), 'no-opinion');
  });

  it('lists the rules of a user', async () => {
    assert.deepEqual(await authorization.authorizer.rulesFor?.(user('u', 'dev'), 'a'), {
      resourceRules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'], resourceNames: undefined }],
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/openapi/*'] }],
      incomplete: false,
    });
  });
});
