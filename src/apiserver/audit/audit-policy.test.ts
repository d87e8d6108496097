import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AuditPolicyRule, parseAuditPolicy } from './audit-policy.ts';

const head = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy' };
const withRule = (rule: object): object => ({ ...head, rules: [{ level: 'None', ...rule }] });

const refused: Record<string, [given: unknown, message: string]> = {
  'what is nothing': [undefined, "failed decoding: Object 'Kind' is missing"],
  'other versions': [
    { apiVersion: 'audit.k8s.io/v2', kind: 'Policy' },
    'failed decoding: no kind "Policy" is registered for version "audit.k8s.io/v2"',
  ],
  'a policy without rules': [head, 'loaded illegal policy with 0 rules'],
  'a rule without level': [{ ...head, rules: [{}] }, 'rules[0].level: Required value'],
  'unknown levels': [
    withRule({ level: 'All' }),
    'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"',
  ],
  'unknown stages': [
    { ...withRule({}), omitStages: ['Late'] },
    'omitStages[0]: Invalid value: "Late": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic',
  ],
  'paths that begin otherwise': [
    withRule({ nonResourceURLs: ['healthz'] }),
    `rules[0].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin with a '/' character`,
  ],
  'stars within paths': [
    withRule({ nonResourceURLs: ['/a*/b'] }),
    `rules[0].nonResourceURLs[0]: Invalid value: "/a*/b": non-resource URL wildcards '*' must be the final character of the rule`,
  ],
  'paths beside resources': [
    withRule({ nonResourceURLs: ['/a'], namespaces: ['n'] }),
    'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
  ],
  'names without resources': [
    withRule({ resources: [{ resourceNames: ['a'] }] }),
    'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource',
  ],
};

describe('audit policies', () => {
  for (const [title, [given, message]] of Object.entries(refused))
    it(`refuse ${title}, in upstream's words`, () => {
      assert.throws(() => parseAuditPolicy(given), { message });
    });

  it('take what is well-formed', () => {
    const rules: readonly AuditPolicyRule[] = [{ level: 'Metadata', resources: [{ group: 'apps', resources: ['*'] }] }];
    assert.deepEqual(parseAuditPolicy({ ...head, rules, unknown: 1 }), {
      rules,
      omitStages: [],
      omitManagedFields: false,
    });
  });
});
