import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { joinTokens } from './join-token.ts';
import {
  conditions,
  count,
  duration,
  fields,
  flag,
  immutable,
  observedGeneration,
  reference,
  text,
  texts,
  time,
  toCrd,
} from './schema-fields.ts';

const LABEL = '^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$';
const LABEL_KEY = '^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$';

const spec = fields(
  'The token as it should be.',
  {
    virtualClusterName: text('The VirtualCluster, in the same namespace.', {
      minLength: 1,
      maxLength: 44,
      'x-kubernetes-validations': immutable('virtualClusterName'),
    }),
    ttl: {
      ...duration('How long it is good for from its creation on, such as 2h or 7d; 0s: it does not end.'),
      default: '24h',
    },
    maxUses: count('How many machines may join with it. Left empty: any number.', { minimum: 1, maximum: 10000 }),
    nodeLabels: {
      ...texts('Labels that these machines’ nodes get when they join.'),
      additionalProperties: { type: 'string', pattern: LABEL, maxLength: 63 },
      maxProperties: 64,
      'x-kubernetes-validations': [
        {
          rule: `self.all(key, key.matches('${LABEL_KEY}'))`,
          message: 'nodeLabels must have keys that are label names',
        },
      ],
    },
    nodeTaints: {
      type: 'array',
      description: 'Taints that these machines’ nodes get when they join.',
      maxItems: 32,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['key', 'effect'],
      items: fields(
        'A taint.',
        {
          key: text('Key of the taint.', { pattern: LABEL_KEY, maxLength: 316 }),
          value: text('Value of the taint.', { pattern: LABEL, maxLength: 63 }),
          effect: text('What it does to pods that do not tolerate it.', {
            enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
          }),
        },
        { required: ['key', 'effect'] },
      ),
    },
    description: text('What it is for.', { maxLength: 256 }),
    revoked: flag('Lets nobody in any more; machines that have joined stay.', { default: false }),
  },
  { required: ['virtualClusterName'] },
);

const status = fields('The token as it is.', {
  observedGeneration,
  phase: text('Short word for the whole.', { enum: ['Pending', 'Active', 'Expired', 'Exhausted', 'Revoked'] }),
  conditions,
  tokenID: text('The public part of the token.'),
  tokenSecretRef: reference('The Secret with the token, the URL and the line for a machine.'),
  expires: time('When it ends.'),
  usedBy: {
    type: 'array',
    description: 'Nodes that came with it.',
    items: { type: 'string' },
    'x-kubernetes-list-type': 'atomic',
  },
  uses: text('How many came, of how many, for the table.'),
});

/** The CRD of JoinToken. */
export function joinTokenCrd(): CustomResourceDefinition {
  return toCrd({
    type: joinTokens,
    shortNames: ['jt'],
    description:
      'A token with which machines join one VirtualCluster. Deleting it revokes it; machines that have joined stay.',
    columns: [
      { name: 'Cluster', type: 'string', jsonPath: '.spec.virtualClusterName', description: 'The VirtualCluster' },
      { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'Short word for the state' },
      { name: 'Uses', type: 'string', jsonPath: '.status.uses', description: 'Machines that came, of how many' },
      { name: 'Expires', type: 'string', jsonPath: '.status.expires', description: 'When it ends' },
      {
        name: 'Description',
        type: 'string',
        jsonPath: '.spec.description',
        description: 'What it is for',
        priority: 1,
      },
    ],
    rules: [
      {
        rule: 'self.metadata.name.size() <= 52',
        message: 'the name is part of the name of a Secret and may have at most 52 characters',
      },
    ],
    spec,
    status,
  });
}
