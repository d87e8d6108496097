import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { created, createFaults, decoded, updated } from '../../testing/strategy-runs.ts';
import { mutatingWebhookConfigurationResource as mutating } from './mutating-webhook-configuration/definition.ts';
import { policyExpressions } from './policy-expressions.ts';
import { validatingWebhookConfigurationResource as kind } from './validating-webhook-configuration/definition.ts';

const hook = {
  name: 'a.example.com',
  clientConfig: { url: 'https://h/p' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const rule = { operations: ['CREATE'], apiGroups: ['*'], apiVersions: ['v1'], resources: ['pods'] };
const withRule = (change: object): object => ({ webhooks: [{ ...hook, rules: [{ ...rule, ...change }] }] });
const withClient = (clientConfig: object): object => ({ webhooks: [{ ...hook, clientConfig }] });

const cases: Record<string, [object, string[]]> = {
  'take none': [{}, []],
  'take a plain one': [{ webhooks: [hook] }, []],
  'ask for what has no default': [
    { webhooks: [{ name: 'short' }] },
    [
      'webhooks[0].name: Invalid value: "short": should be a domain with at least three segments separated by dots',
      'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun',
      'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
      'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
    ],
  ],
  'refuse lists beside a wildcard': [
    withRule({ operations: ['*', 'CREATE'], apiGroups: ['*', ''], apiVersions: ['v1', '*'] }),
    [
      `webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
      `webhooks[0].rules[0].apiGroups: Invalid value: ["*",""]: if '*' is present, must not specify other API groups`,
      `webhooks[0].rules[0].apiVersions: Invalid value: ["v1","*"]: if '*' is present, must not specify other API versions`,
    ],
  ],
  'refuse resources that others hold already': [
    withRule({ resources: ['pods/*', 'pods/log', '*/scale', 'x/scale'] }),
    [
      `webhooks[0].rules[0].resources[1]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log`,
      `webhooks[0].rules[0].resources[3]: Invalid value: "x/scale": if '*/scale' is present, must not specify x/scale`,
    ],
  ],
  'look at the last plain resource beside the wildcard': [withRule({ resources: ['pods', '*'] }), []],
  'refuse parts of a URL that mean nothing to them': [
    withClient({ url: 'http://u:p@h/?x=y#z' }),
    [
      'webhooks[0].clientConfig.url: Invalid value: "http": \'https\' is the only allowed URL scheme; desired format: https://host[/path]',
      'webhooks[0].clientConfig.url: Invalid value: "u:p": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "z": fragments are not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "x=y": query parameters are not permitted in the URL',
    ],
  ],
  'name the other field where a service lacks one': [
    withClient({ service: { name: 's', path: '//' } }),
    [
      'webhooks[0].clientConfig.service.name: Required value',
      'webhooks[0].clientConfig.service.path: Invalid value: "//": segment[0] may not be empty',
    ],
  ],
  'speak a version that the server knows': [
    { webhooks: [{ ...hook, admissionReviewVersions: ['v9', 'v9', '9'] }] },
    [
      'webhooks[0].admissionReviewVersions[1]: Invalid value: "v9": duplicate version',
      "webhooks[0].admissionReviewVersions[2]: Invalid value: \"9\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      'webhooks[0].admissionReviewVersions: Invalid value: ["v9","v9","9"]: must include at least one of v1, v1beta1',
    ],
  ],
  'name conditions once': [
    {
      webhooks: [
        {
          ...hook,
          matchConditions: [{ name: 'c', expression: ' ' }, { name: 'c', expression: 'true' }, { expression: 'true' }],
        },
      ],
    },
    [
      'webhooks[0].matchConditions[0].expression: Required value',
      'webhooks[0].matchConditions[1].name: Duplicate value: "c"',
      'webhooks[0].matchConditions[2].name: Required value',
    ],
  ],
  'take each name once': [{ webhooks: [hook, hook] }, ['webhooks[1].name: Duplicate value: "a.example.com"']],
};

await policyExpressions.load();

describe('webhook configurations', () => {
  for (const [name, [body, faults]] of Object.entries(cases))
    it(name, () => assert.deepEqual(createFaults(kind, body), faults));
  it('fill in what is left out', () => {
    const service = { name: 's', namespace: 'n' };
    const object = created(mutating, { webhooks: [{ ...hook, clientConfig: { service }, rules: [rule] }] });
    assert.deepEqual((object['webhooks'] as object[])[0], {
      ...hook,
      clientConfig: { service: { ...service, port: 443 } },
      rules: [{ ...rule, scope: '*' }],
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      namespaceSelector: {},
      objectSelector: {},
      timeoutSeconds: 10,
      reinvocationPolicy: 'Never',
    });
  });
  it('may go on to break what they broke before', () => {
    const odd = { ...hook, sideEffects: 'Some', admissionReviewVersions: ['v9'] };
    const before = { webhooks: [odd, odd] };
    assert.deepEqual(updated(kind, before, before).faults, []);
    assert.deepEqual(updated(kind, { webhooks: [hook] }, before).faults.length, 5);
  });
  it('warn of names that are kept for later', () => {
    const named = decoded(kind, { metadata: { name: 'a.static.k8s.io' } });
    assert.equal(kind.strategy.warningsOnUpdate?.(named, named).length, 1);
  });
});
