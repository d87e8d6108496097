import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeStored } from './stored-values.ts';

const label = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match';
const budget = (selector: object) => ({
  apiVersion: 'policy/v1beta1',
  kind: 'PodDisruptionBudget',
  spec: { selector },
});
const currentBudget = (selector: object) => ({ ...budget(selector), apiVersion: 'policy/v1', metadata: {} });

const cases: Record<string, [stored: object, read: object]> = {
  'a budget for nothing': [budget({}), currentBudget({ matchExpressions: [{ key: label, operator: 'Exists' }] })],
  'a budget for everything': [
    budget({ matchExpressions: [{ key: label, operator: 'DoesNotExist' }] }),
    currentBudget({}),
  ],
  'a budget for some': [budget({ matchLabels: { a: 'b' } }), currentBudget({ matchLabels: { a: 'b' } })],
  'a slice with the topology of its endpoints': [
    {
      apiVersion: 'discovery.k8s.io/v1beta1',
      kind: 'EndpointSlice',
      endpoints: [
        {
          addresses: ['10.0.0.1'],
          nodeName: 'n',
          topology: { 'kubernetes.io/hostname': 'n', 'topology.kubernetes.io/zone': 'z', rack: '1' },
        },
        { addresses: ['10.0.0.2'] },
      ],
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {},
      endpoints: [
        { addresses: ['10.0.0.1'], nodeName: 'n', zone: 'z', deprecatedTopology: { rack: '1' } },
        { addresses: ['10.0.0.2'] },
      ],
    },
  ],
  'a definition whose versions share what they have': [
    {
      apiVersion: 'apiextensions.k8s.io/v1beta1',
      kind: 'CustomResourceDefinition',
      spec: {
        group: 'x.y',
        version: 'v1',
        validation: { openAPIV3Schema: { type: 'object' } },
        subresources: { status: {} },
        additionalPrinterColumns: [{ name: 'A', type: 'string', JSONPath: '.a' }],
        preserveUnknownFields: false,
        conversion: {
          strategy: 'Webhook',
          webhookClientConfig: { url: 'https://h' },
          conversionReviewVersions: ['v1'],
        },
      },
    },
    {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: {},
      spec: {
        group: 'x.y',
        preserveUnknownFields: false,
        conversion: {
          strategy: 'Webhook',
          webhook: { clientConfig: { url: 'https://h' }, conversionReviewVersions: ['v1'] },
        },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object' } },
            subresources: { status: {} },
            additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.a' }],
          },
        ],
      },
    },
  ],
  'a priority level': [
    {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1beta2',
      kind: 'PriorityLevelConfiguration',
      spec: { type: 'Limited', limited: { assuredConcurrencyShares: 20 } },
    },
    {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'PriorityLevelConfiguration',
      metadata: {},
      spec: { type: 'Limited', limited: { nominalConcurrencyShares: 20 } },
    },
  ],
};

describe('a stored object of an older version', () => {
  for (const [name, [stored, read]] of Object.entries(cases)) {
    it(`is read as the current one: ${name}`, () => {
      assert.deepEqual(decodeStored(Buffer.from(JSON.stringify(stored))), read);
    });
  }
});
