import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeFeed } from '../../testing/fake-feed.ts';
import { createAuthorization } from './authorizer.ts';
import { checkEscalation, type RbacWrite } from './escalation.ts';

const alice = { name: 'alice', groups: ['system:authenticated'] };
const readPods = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };
const readSecrets = { verbs: ['get', 'list'], apiGroups: [''], resources: ['secrets'] };
const group = 'rbac.authorization.k8s.io';

const feed = new FakeFeed({
  roles: [
    { metadata: { namespace: 'a', name: 'own' }, rules: [readPods] },
    { metadata: { namespace: 'a', name: 'powerful' }, rules: [readSecrets] },
    {
      metadata: { namespace: 'b', name: 'binder' },
      rules: [
        { verbs: ['bind'], apiGroups: [group], resources: ['clusterroles'], resourceNames: ['view'] },
        { verbs: ['escalate'], apiGroups: [group], resources: ['roles'] },
      ],
    },
  ],
  rolebindings: ['own', 'binder'].map((name) => ({
    metadata: { namespace: name === 'own' ? 'a' : 'b', name },
    roleRef: { kind: 'Role', name },
    subjects: [{ kind: 'User', name: 'alice' }],
  })),
});

const role = (namespace: string, ...rules: unknown[]): RbacWrite => ({
  user: alice,
  resource: 'roles',
  namespace,
  name: '',
  object: { metadata: { name: 'new' }, rules } as RbacWrite['object'],
});
const binding = (namespace: string, kind: string, name: string): RbacWrite => ({
  user: alice,
  resource: 'rolebindings',
  namespace,
  name: '',
  object: { metadata: { name: 'new' }, roleRef: { apiGroup: group, kind, name } } as RbacWrite['object'],
});
const refusal = (resource: string, ...lines: string[]): string =>
  [
    `${resource}.${group} "new" is forbidden: user "alice" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:`,
    ...lines,
  ].join('\n');

const previous = { metadata: { name: 'new', finalizers: ['x'] }, rules: [readSecrets] } as RbacWrite['object'];

const cases: Record<string, [RbacWrite, string | undefined]> = {
  'lets grant what one holds': [role('a', { verbs: ['get'], apiGroups: [''], resources: ['pods'] }), undefined],
  'joins verbs of what is missing': [
    role('a', readSecrets),
    refusal('roles', '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}'),
  ],
  'sorts what is missing': [
    role('a', { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['get'], nonResourceURLs: ['/x'] }),
    refusal('roles', '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}', '{NonResourceURLs:["/x"], Verbs:["get"]}'),
  ],
  'lets those escalate who may': [role('b', readSecrets), undefined],
  'lets bind a role whose rights one holds': [binding('a', 'Role', 'own'), undefined],
  'refuses to bind a role with more rights': [
    binding('a', 'Role', 'powerful'),
    refusal('rolebindings', '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}'),
  ],
  'lets bind a role that one may bind': [binding('b', 'ClusterRole', 'view'), undefined],
  'names the binding where the role is missing': [
    binding('a', 'Role', 'absent'),
    `rolebindings.${group} "absent" not found`,
  ],
  'lets finalizers go from a role that one could not grant': [
    {
      ...role('a'),
      name: 'new',
      previous,
      object: { metadata: { name: 'new' }, rules: [readSecrets] } as RbacWrite['object'],
    },
    undefined,
  ],
  'asks for all rights before it aggregates': [
    {
      user: alice,
      resource: 'clusterroles',
      namespace: '',
      name: '',
      object: { metadata: { name: 'new' }, aggregationRule: { clusterRoleSelectors: [{}] } } as RbacWrite['object'],
    },
    `clusterroles.${group} "new" is forbidden: must have cluster-admin privileges to use the aggregationRule`,
  ],
};

describe('checkEscalation', () => {
  for (const [title, [write, message]] of Object.entries(cases)) {
    it(title, async () => {
      const { authorizer, rbac } = await createAuthorization(feed);
      const check = checkEscalation(write, rbac, authorizer, new AbortController().signal);
      if (message === undefined) await check;
      else await assert.rejects(check, { message });
    });
  }
});
