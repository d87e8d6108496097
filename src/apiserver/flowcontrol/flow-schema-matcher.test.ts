import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PolicyRulesWithSubjects, Subject } from '../../generated/api/flowcontrol/v1.ts';
import { parseRequestInfo } from '../request-info.ts';
import { compileFlowSchema } from './flow-schema-matcher.ts';

const user = { name: 'ann', groups: ['dev', 'system:authenticated'] };
const robot = { name: 'system:serviceaccount:shop:till', groups: ['system:serviceaccounts'] };
const named = (name: string): Subject => ({ kind: 'User', user: { name } });
const grouped = (name: string): Subject => ({ kind: 'Group', group: { name } });
const account = (namespace: string, name: string): Subject => ({
  kind: 'ServiceAccount',
  serviceAccount: { namespace, name },
});
const everything = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};
const pods = '/api/v1/namespaces/shop/pods';

function isMatch(rule: PolicyRulesWithSubjects, who: typeof user, path: string, method = 'GET'): boolean {
  const spec = { priorityLevelConfiguration: { name: 'p' }, rules: [rule] };
  return compileFlowSchema(spec)(who, parseRequestInfo(method, path, new URLSearchParams()));
}

const subjects: Record<string, [Subject, typeof user, boolean]> = {
  'a user by name': [named('ann'), user, true],
  'no other user': [named('bob'), user, false],
  'any user': [named('*'), robot, true],
  'a group': [grouped('dev'), user, true],
  'no other group': [grouped('ops'), user, false],
  'any group': [grouped('*'), user, true],
  'a service account': [account('shop', 'till'), robot, true],
  'no account of another namespace': [account('sho', 'till'), robot, false],
  'any account of a namespace': [account('shop', '*'), robot, true],
  'no account of a namespace with a longer name': [account('sho', '*'), robot, false],
  'no plain user as an account': [account('shop', '*'), user, false],
  'nobody by a subject without details': [{ kind: 'User' }, user, false],
};

const resources: Record<string, [object, string, string, boolean]> = {
  'all of it': [{}, 'GET', pods, true],
  'a verb': [{ verbs: ['list'] }, 'GET', pods, true],
  'no other verb': [{ verbs: ['create'] }, 'GET', pods, false],
  'a resource': [{ resources: ['pods'] }, 'GET', pods, true],
  'no subresource by its resource': [{ resources: ['pods'] }, 'GET', `${pods}/a/status`, false],
  'a subresource': [{ resources: ['pods/status'] }, 'GET', `${pods}/a/status`, true],
  'a star beside others as nothing special': [{ resources: ['*', 'nodes'] }, 'GET', pods, false],
  'no other group': [{ apiGroups: ['apps'] }, 'GET', pods, false],
  'a namespace': [{ namespaces: ['shop'], clusterScope: false }, 'GET', pods, true],
  'no other namespace': [{ namespaces: ['home'] }, 'GET', pods, false],
  'what has no namespace only by its scope': [{ clusterScope: false }, 'GET', '/api/v1/nodes', false],
  'all namespaces at once only by the scope': [{ namespaces: [], clusterScope: true }, 'GET', '/api/v1/pods', true],
};

const paths: Record<string, [string, string, boolean]> = {
  'a path': ['/healthz', '/healthz', true],
  'a path beneath it': ['/healthz', '/healthz/ping', true],
  'no longer word': ['/healthz', '/healthzz', false],
  'a star after a slash': ['/apis/*', '/apis/apps', true],
  'a star after a slash without what comes before it': ['/apis/*', '/apis', false],
};

describe('compileFlowSchema', () => {
  for (const [name, [subject, who, wanted]] of Object.entries(subjects))
    it(`matches ${name}`, () => assert.equal(isMatch({ subjects: [subject], ...everything }, who, pods), wanted));
  for (const [name, [more, method, path, wanted]] of Object.entries(resources))
    it(`matches ${name}`, () => {
      const resourceRules = everything.resourceRules.map((rule) => ({ ...rule, ...more }));
      assert.equal(isMatch({ subjects: [named('*')], resourceRules }, user, path, method), wanted);
    });
  for (const [name, [url, path, wanted]] of Object.entries(paths))
    it(`matches ${name}`, () => {
      const nonResourceRules = [{ verbs: ['get'], nonResourceURLs: [url] }];
      assert.equal(isMatch({ subjects: [named('*')], nonResourceRules }, user, path), wanted);
    });
  it('matches resources by rules of resources only', () => {
    const { nonResourceRules } = everything;
    assert.equal(isMatch({ subjects: [named('*')], nonResourceRules }, user, pods), false);
  });
});
