import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAdmissionConfiguration } from './admission-configuration.ts';

const KIND = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration' };
const POD_SECURITY = { apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration' };
const RATE_LIMIT = { apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1', kind: 'Configuration' };
const never = (): never => assert.fail('no file is named');
const parse = (...plugins: object[]) => parseAdmissionConfiguration({ ...KIND, plugins }, never);

describe('parseAdmissionConfiguration', () => {
  it('reads what plugins are told in place or in files of their own', () => {
    const limits = [{ type: 'Server', qps: 5000, burst: 20000 }];
    const plugins = [
      { name: 'PodSecurity', path: 'psa.yaml' },
      { name: 'EventRateLimit', configuration: { ...RATE_LIMIT, limits } },
      { name: 'PodNodeSelector', configuration: { podNodeSelectorPluginConfig: { ns: 'a=b' } } },
      { name: 'NamespaceLifecycle' },
    ];
    const read = (path: string) => {
      assert.equal(path, 'psa.yaml');
      return {
        ...POD_SECURITY,
        defaults: { enforce: 'restricted', 'enforce-version': 'v1.30' },
        exemptions: { namespaces: ['kube-system'] },
      };
    };
    const { podSecurity, eventRateLimit, podNodeSelector } = parseAdmissionConfiguration({ ...KIND, plugins }, read);
    assert.deepEqual(podSecurity?.defaults.enforce, { level: 'restricted', minor: 30 });
    assert.deepEqual(podSecurity?.defaults.warn.level, 'privileged');
    assert.deepEqual([...(podSecurity?.exemptions.namespaces ?? [])], ['kube-system']);
    assert.deepEqual(eventRateLimit, { limits });
    assert.deepEqual(podNodeSelector, { ns: 'a=b' });
  });

  const faults: Record<string, [object, RegExp]> = {
    'levels and versions that do not exist': [
      {
        name: 'PodSecurity',
        configuration: { ...POD_SECURITY, defaults: { enforce: 'strict', 'warn-version': '1.2' } },
      },
      /^Error: plugins\[0\] \(PodSecurity\): \[defaults.enforce: Invalid value: "strict": must be one of privileged, baseline, restricted, defaults.warn-version: Invalid value: "1.2": must be "latest" or "v1.x"\]$/,
    ],
    'exemptions that are given twice': [
      { name: 'PodSecurity', configuration: { ...POD_SECURITY, exemptions: { usernames: ['a', 'a'] } } },
      /exemptions.usernames\[1\]: Duplicate value: "a"$/,
    ],
    'limits that let nothing through': [
      { name: 'EventRateLimit', configuration: { ...RATE_LIMIT, limits: [{ type: 'Server', qps: 1 }] } },
      /limits\[0\].burst: Invalid value: 0: must be positive$/,
    ],
    'limits of unknown types': [
      { name: 'EventRateLimit', configuration: { ...RATE_LIMIT, limits: [{ type: 'Pod', qps: 1, burst: 1 }] } },
      /limits\[0\].type: Unsupported value: "Pod": supported values: "Namespace", "Server", "SourceAndObject", "User"$/,
    ],
    'documents of another kind': [
      { name: 'EventRateLimit', configuration: { ...POD_SECURITY } },
      /must be eventratelimit.admission.k8s.io\/v1alpha1 Configuration$/,
    ],
    'configurations that would have no effect': [
      { name: 'ImagePolicyWebhook', configuration: { imagePolicy: {} } },
      /a configuration is not served: the server dials nothing/,
    ],
  };
  for (const [title, [plugin, why]] of Object.entries(faults)) {
    it(`refuses ${title}`, () => assert.throws(() => parse(plugin), why));
  }
  it('refuses documents that are no AdmissionConfiguration', () => {
    assert.throws(() => parseAdmissionConfiguration({ kind: 'Pod' }, never), /must be .*AdmissionConfiguration$/);
  });
});
