import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestInfo } from '../request-info.ts';
import type { AuditPolicyRule } from './audit-policy.ts';
import { evaluateAudit } from './audit-rules.ts';

const user = { name: 'ann', groups: ['devs', 'system:authenticated'] };
const pods = '/api/v1/namespaces/n/pods';

const cases: Record<string, [rule: AuditPolicyRule, method: string, path: string, matches: boolean]> = {
  'every request by default': [{}, 'GET', '/healthz', true],
  'its users': [{ users: ['bob', 'ann'] }, 'GET', pods, true],
  'no other users': [{ users: ['bob'] }, 'GET', pods, false],
  'one of its groups': [{ userGroups: ['ops', 'devs'] }, 'GET', pods, true],
  'no other groups': [{ userGroups: ['ops'] }, 'GET', pods, false],
  'its verbs': [{ verbs: ['list'] }, 'GET', pods, true],
  'no other verbs': [{ verbs: ['get'] }, 'GET', pods, false],
  'its namespaces': [{ namespaces: ['n'] }, 'GET', pods, true],
  'no other namespaces': [{ namespaces: [''] }, 'GET', pods, false],
  'what is in no namespace': [{ namespaces: [''] }, 'GET', '/api/v1/nodes', true],
  'no paths where it has namespaces': [{ namespaces: [''] }, 'GET', '/healthz', false],
  'its group': [{ resources: [{ group: 'apps' }] }, 'GET', '/apis/apps/v1/deployments', true],
  'any group': [{ resources: [{ group: '*' }] }, 'GET', '/apis/apps/v1/deployments', true],
  'no other group': [{ resources: [{ group: 'apps' }] }, 'GET', pods, false],
  'its resources': [{ resources: [{ resources: ['pods'] }] }, 'GET', pods, true],
  'no subresources of its resources': [{ resources: [{ resources: ['pods'] }] }, 'GET', `${pods}/p/log`, false],
  'a subresource': [{ resources: [{ resources: ['pods/log'] }] }, 'GET', `${pods}/p/log`, true],
  'all subresources': [{ resources: [{ resources: ['pods/*'] }] }, 'GET', `${pods}/p/log`, true],
  'the resource itself with all its subresources': [{ resources: [{ resources: ['pods/*'] }] }, 'GET', pods, true],
  'a subresource of any resource': [{ resources: [{ resources: ['*/log'] }] }, 'GET', `${pods}/p/log`, true],
  'its names': [{ resources: [{ resources: ['pods'], resourceNames: ['p'] }] }, 'GET', `${pods}/p`, true],
  'no other names': [{ resources: [{ resources: ['pods'], resourceNames: ['q'] }] }, 'GET', `${pods}/p`, false],
  'its paths': [{ nonResourceURLs: ['/healthz'] }, 'GET', '/healthz', true],
  'what begins as its paths': [{ nonResourceURLs: ['/health*'] }, 'GET', '/healthz', true],
  'no resources where it has paths': [{ nonResourceURLs: ['*'] }, 'GET', pods, false],
};

describe('a rule of an audit policy', () => {
  for (const [title, [rule, method, path, matches]] of Object.entries(cases))
    it(`matches ${title}`, () => {
      const policy = { rules: [{ ...rule, level: 'Request' as const }], omitStages: [], omitManagedFields: false };
      const info = parseRequestInfo(method, path, new URLSearchParams());
      assert.equal(evaluateAudit(policy, user, info).level, matches ? 'Request' : 'None');
    });

  it('is the first that matches, adds its stages to those of the policy, and decides about managed fields', () => {
    const policy = {
      rules: [
        { level: 'Metadata' as const, omitStages: ['Panic' as const], omitManagedFields: false },
        { level: 'None' as const },
      ],
      omitStages: ['RequestReceived' as const],
      omitManagedFields: true,
    };
    assert.deepEqual(evaluateAudit(policy, undefined, parseRequestInfo('GET', '/', new URLSearchParams())), {
      level: 'Metadata',
      omitStages: ['RequestReceived', 'Panic'],
      omitManagedFields: false,
    });
  });
});
