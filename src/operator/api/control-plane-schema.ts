import { anything, fields, quantity, reference, strings, text, texts } from './schema-fields.ts';

const podPlacement = fields('Where and how the pod is scheduled.', {
  nodeSelector: texts('Labels that the node must have.'),
  tolerations: {
    type: 'array',
    description: 'Taints that the pod tolerates.',
    items: anything('A toleration as in a pod.'),
  },
  affinity: anything('Affinity as in a pod.'),
  topologySpreadConstraints: {
    type: 'array',
    description: 'Spread as in a pod.',
    items: anything('A constraint as in a pod.'),
  },
  priorityClassName: text('Priority class of the pod.', { maxLength: 253 }),
  imagePullSecrets: { type: 'array', description: 'Secrets for the registry.', items: reference('A Secret.') },
  runtimeClassName: text('Runtime class of the pod.', { maxLength: 253 }),
  terminationGracePeriodSeconds: {
    type: 'integer',
    format: 'int64',
    description: 'Seconds to stop in. Default 30.',
    minimum: 0,
  },
});

/** How a server runs. */
export const controlPlane = fields('The pod of the control plane.', {
  extraArgs: strings(
    'Further flags of `warren server`.',
    { minLength: 1 },
    { maxItems: 64, 'x-kubernetes-list-type': 'atomic' },
  ),
  extraFiles: {
    type: 'array',
    description:
      'Files for those flags, below /etc/warren/files: each key of these objects is one. They are read when the server starts; name another object for others to be taken up.',
    maxItems: 8,
    'x-kubernetes-list-type': 'atomic',
    items: fields(
      'Where files come from.',
      {
        configMap: reference('A ConfigMap, such as one with an admission configuration or an audit policy.'),
        secret: reference('A Secret, such as one with an encryption configuration.'),
      },
      {
        'x-kubernetes-validations': [
          { rule: 'has(self.configMap) != has(self.secret)', message: 'give either configMap or secret' },
        ],
      },
    ),
  },
  resources: fields('Requests and limits of the container.', {
    requests: {
      type: 'object',
      description: 'Requests.',
      additionalProperties: quantity('Amount.'),
    },
    limits: { type: 'object', description: 'Limits.', additionalProperties: quantity('Amount.') },
  }),
  podTemplate: fields('Additions to the pod.', {
    metadata: fields('Labels and annotations to add.', {
      labels: texts('Labels.'),
      annotations: texts('Annotations.'),
    }),
    spec: podPlacement,
  }),
});
