import type { CustomResourceDefinition, JSONSchemaProps } from '../../generated/api/apiextensions/v1.ts';
import { controlPlane } from './control-plane-schema.ts';
import { conditions, count, fields, observedGeneration, strings, text, texts, toCrd } from './schema-fields.ts';
import { virtualClusterPolicies } from './virtual-cluster-policy.ts';

const selector = (description: string): JSONSchemaProps =>
  fields(description, {
    matchLabels: texts('Labels that it must have.'),
    matchExpressions: {
      type: 'array',
      description: 'Requirements on its labels; all must hold.',
      maxItems: 32,
      'x-kubernetes-list-type': 'atomic',
      items: fields(
        'A requirement.',
        {
          key: text('Key of the label.', { minLength: 1, maxLength: 316 }),
          operator: text('How the label and the values relate.', { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }),
          values: strings('Values of the label.', {}, { 'x-kubernetes-list-type': 'atomic', maxItems: 64 }),
        },
        { required: ['key', 'operator'] },
      ),
    },
  });

const set = { minItems: 1, 'x-kubernetes-list-type': 'set' as const };
const { resources, podTemplate } = controlPlane.properties ?? {};

const spec = fields('What is allowed, and what is given.', {
  selector: selector('VirtualClusters by their labels. Left empty: all.'),
  namespaceSelector: selector('VirtualClusters by the labels of their namespaces. Left empty: all.'),
  allowed: fields('Each list that is given names all that is allowed.', {
    exposures: strings(
      'Types of exposure.',
      { enum: ['NodePort', 'LoadBalancer', 'ClusterIP', 'Ingress', 'Gateway'] },
      { ...set, maxItems: 8 },
    ),
    versions: strings(
      'Minor versions, such as v1.36.',
      { pattern: '^v1\\.[0-9]+$', maxLength: 16 },
      { ...set, maxItems: 32 },
    ),
    datastores: strings('Types of datastore.', { enum: ['SQLite', 'PostgreSQL'] }, { ...set, maxItems: 2 }),
  }),
  limits: fields('How many and how much.', {
    virtualClustersPerNamespace: count(
      'VirtualClusters of one namespace that the policy is for; the oldest count first.',
      {
        minimum: 0,
      },
    ),
    resources: {
      type: 'object',
      description: 'What the server of one tenant may ask for and use at most, such as cpu and memory.',
      additionalProperties: { 'x-kubernetes-int-or-string': true },
      maxProperties: 16,
    },
    nodes: count('Machines of one tenant. More are not let in; those that have joined stay.', { minimum: 0 }),
  }),
  defaults: fields('What a tenant gets where it says nothing else, when its server is made or resumed.', {
    ...(resources === undefined ? {} : { resources }),
    ...(podTemplate === undefined ? {} : { podTemplate }),
  }),
});

const status = fields('What it meets.', {
  observedGeneration,
  conditions,
  matched: count('VirtualClusters that it is for.'),
  violating: count('Those that are not as it wants them.'),
  violations: {
    type: 'array',
    description: 'Those that are not as it wants them; the first hundred.',
    'x-kubernetes-list-type': 'atomic',
    items: fields('A VirtualCluster.', {
      namespace: text('Its namespace.'),
      name: text('Its name.'),
      reason: text('What is wrong, as one word.'),
      message: text('What is wrong, as a sentence.'),
    }),
  },
});

/** The CRD of VirtualClusterPolicy. */
export function virtualClusterPolicyCrd(): CustomResourceDefinition {
  return toCrd({
    type: virtualClusterPolicies,
    shortNames: ['vcp'],
    description:
      'What VirtualClusters of some namespaces may be, and what they get where they say nothing. A tenant that runs is never broken by a policy that comes later: it is told, and what it had stays.',
    columns: [
      { name: 'Matched', type: 'integer', jsonPath: '.status.matched', description: 'VirtualClusters that it is for' },
      {
        name: 'Violating',
        type: 'integer',
        jsonPath: '.status.violating',
        description: 'Those that are not as it wants them',
      },
    ],
    spec,
    status,
  });
}
