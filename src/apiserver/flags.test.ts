import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseApiServerFlags } from './flags.ts';

describe('parseApiServerFlags', () => {
  it('reads what has a meaning here, the last of each', () => {
    const flags = parseApiServerFlags([
      'enable-admission-plugins=NodeRestriction',
      '--enable-admission-plugins=NodeRestriction, EventRateLimit',
      'disable-admission-plugins=Priority',
      'admission-control-config-file=/etc/psa.yaml',
      'default-not-ready-toleration-seconds=30',
      'anonymous-auth=false',
      'service-account-extend-token-expiration=false',
    ]);
    assert.deepEqual(flags, {
      enabledPlugins: ['NodeRestriction', 'EventRateLimit'],
      disabledPlugins: ['Priority'],
      admissionConfigFile: '/etc/psa.yaml',
      notReadySeconds: 30,
      anonymous: false,
      extendsTokens: false,
    });
  });
  it('passes over what changes nothing for clients', () => {
    const none = { enabledPlugins: [], disabledPlugins: [] };
    assert.deepEqual(parseApiServerFlags(['v=4', 'profiling=false', 'authorization-mode=Node,RBAC']), none);
  });

  it('reads what is said of the audit log', () => {
    const { audit } = parseApiServerFlags([
      'audit-policy-file=/p.yaml',
      'audit-log-path=-',
      'audit-log-maxage=1',
      'audit-log-maxbackup=2',
      'audit-log-maxsize=3',
      'audit-log-format=legacy',
      'audit-log-mode=blocking',
    ]);
    const numbers = { maxAgeDays: 1, maxBackups: 2, maxMegabytes: 3 };
    assert.deepEqual(audit, { policyFile: '/p.yaml', path: '-', ...numbers, format: 'legacy' });
  });

  const faults: Record<string, [string, RegExp]> = {
    'flags that kube-apiserver does not have': [
      'colour=blue',
      /^Error: "colour=blue": kube-apiserver has no flag "colour"$/,
    ],
    'flags that would make the server dial': ['oidc-issuer-url=https://x', /is not served: the server dials nothing/],
    'values other than the one that is served': [
      'authorization-mode=AlwaysAllow',
      /authorization-mode is always Node,RBAC$/,
    ],
    'values that are no booleans': ['anonymous-auth=maybe', /anonymous-auth takes true or false$/],
    'values that are no seconds': ['default-unreachable-toleration-seconds=5m', /takes a whole number of seconds$/],
    'formats of the audit log that nobody knows': [
      'audit-log-format=xml',
      /invalid audit log format xml, allowed formats are "legacy,json"$/,
    ],
    'negative limits of the audit log': ['audit-log-maxage=-1', /--audit-log-maxage -1 can't be a negative number$/],
    'a file without a name': ['admission-control-config-file=', /admission-control-config-file wants a file$/],
  };
  for (const [title, [arg, why]] of Object.entries(faults)) {
    it(`refuses ${title}`, () => assert.throws(() => parseApiServerFlags([arg]), why));
  }
});
