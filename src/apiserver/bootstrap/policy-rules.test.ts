import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterRole, ClusterRoleBinding } from '../../generated/api/rbac/v1.ts';
import { mergeBinding, mergeRole } from './policy-rules.ts';

const get = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const list = { verbs: ['list'], apiGroups: [''], resources: ['pods'] };
const role = (rules: ClusterRole['rules'], annotations?: Record<string, string>): ClusterRole => ({
  metadata: { name: 'r', ...(annotations === undefined ? {} : { annotations }) },
  rules,
});

const cases: Record<string, [ClusterRole, ClusterRole, ClusterRole | undefined]> = {
  'leaves a role alone that grants all': [role([get]), role([get]), undefined],
  'leaves a role alone that grants more': [role([{ ...get, verbs: ['*'] }]), role([get]), undefined],
  'adds rules that are missing and keeps the others': [role([list]), role([get]), role([list, get])],
  'does not touch a role that opted out': [
    role([], { 'rbac.authorization.kubernetes.io/autoupdate': 'false' }),
    role([get]),
    undefined,
  ],
  'adds labels and annotations but overwrites none': [
    role([get], { a: 'mine' }),
    role([get], { a: 'theirs', b: 'new' }),
    { metadata: { name: 'r', annotations: { a: 'mine', b: 'new' }, labels: {} }, rules: [get] },
  ],
};

describe('mergeRole', () => {
  for (const [title, [stored, wanted, expected]] of Object.entries(cases)) {
    it(title, () => assert.deepEqual(mergeRole(stored, wanted), expected));
  }
});

describe('mergeBinding', () => {
  it('adds subjects that are missing', () => {
    const alice = { kind: 'User', name: 'alice' };
    const bob = { kind: 'User', name: 'bob' };
    const binding = (subjects: ClusterRoleBinding['subjects']): ClusterRoleBinding => ({
      metadata: { name: 'b' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' },
      subjects,
    });
    assert.deepEqual(mergeBinding(binding([alice]), binding([bob]))?.subjects, [alice, bob]);
    assert.equal(mergeBinding(binding([alice, bob]), binding([bob])), undefined);
  });
});
