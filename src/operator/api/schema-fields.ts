import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceSubresources,
  JSONSchemaProps,
} from '../../generated/api/apiextensions/v1.ts';
import type { ResourceType } from '../../machinery/object/object.ts';

const ipv4Octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
/** An address range of either family. */
export const CIDR_PATTERN = `^((${ipv4Octet}\\.){3}${ipv4Octet}/([0-9]|[12][0-9]|3[0-2])|[0-9a-fA-F:]+/([0-9]{1,2}|1[01][0-9]|12[0-8]))$`;
/** The longest form of a quantity that Kubernetes reads. Source: apimachinery/pkg/api/resource/quantity.go. */
const QUANTITY_PATTERN =
  '^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+))?$';
/** A DNS name or an address. */
export const HOST_PATTERN = '^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:]+)$';

/** A string. */
export const text = (description: string, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'string',
  description,
  ...more,
});
/** A boolean. */
export const flag = (description: string, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'boolean',
  description,
  ...more,
});
/** A whole number. */
export const count = (description: string, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'integer',
  format: 'int32',
  description,
  ...more,
});
/** An object with known fields. */
export const fields = (
  description: string,
  properties: Record<string, JSONSchemaProps>,
  more: JSONSchemaProps = {},
): JSONSchemaProps => ({
  type: 'object',
  description,
  properties,
  ...more,
});
/** A quantity, such as `1Gi`; a number counts as its text. */
export const quantity = (description: string, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  'x-kubernetes-int-or-string': true,
  description,
  pattern: QUANTITY_PATTERN,
  maxLength: 32,
  ...more,
});
/** An address range; the pattern gives the better message, the rule judges IPv6 as well. */
export const cidrText: JSONSchemaProps = {
  pattern: CIDR_PATTERN,
  maxLength: 43,
  'x-kubernetes-validations': [{ rule: 'isCIDR(self)', message: 'write a range, such as 10.42.0.0/16' }],
};
/** A list of strings. */
export const strings = (
  description: string,
  items: JSONSchemaProps = {},
  more: JSONSchemaProps = {},
): JSONSchemaProps => ({
  type: 'array',
  description,
  items: { type: 'string', ...items },
  ...more,
});
/** A map of strings. */
export const texts = (description: string): JSONSchemaProps => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string' },
});
/** An object whose fields another schema knows. */
export const anything = (description: string): JSONSchemaProps => ({
  type: 'object',
  description,
  'x-kubernetes-preserve-unknown-fields': true,
});
/** The name of an object in the same namespace. */
export const reference = (description: string): JSONSchemaProps =>
  fields(
    description,
    { name: text('Name of the object, in the same namespace.', { minLength: 1, maxLength: 253 }) },
    { required: ['name'] },
  );
/** The rule of a field that never changes. */
export const immutable = (what: string) => [
  { rule: 'self == oldSelf', message: `${what} cannot be changed: make a new VirtualCluster` },
];

/** One entry of `status.conditions`. */
export const condition = fields(
  'One aspect of the state.',
  {
    type: text('Name of the aspect.', { maxLength: 316 }),
    status: text('Whether it holds.', { enum: ['True', 'False', 'Unknown'] }),
    reason: text('Why, as one word.', { maxLength: 1024 }),
    message: text('Why, as a sentence.', { maxLength: 32768 }),
    lastTransitionTime: text('When the status changed last.', { format: 'date-time' }),
    observedGeneration: { type: 'integer', format: 'int64', description: 'The generation that this was seen at.' },
  },
  { required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'] },
);

/** `status.conditions`, as Kubernetes writes them. */
export const conditions: JSONSchemaProps = {
  type: 'array',
  description: 'The aspects of the state.',
  items: condition,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
};

/** `status.observedGeneration`. */
export const observedGeneration: JSONSchemaProps = {
  type: 'integer',
  format: 'int64',
  description: 'The generation of the spec that was acted on last.',
};

/** A time in status. */
export const time = (description: string): JSONSchemaProps => text(description, { format: 'date-time' });

/** A length of time in days, hours, minutes and seconds, such as `7d` or `1h30m`. */
export const duration = (description: string): JSONSchemaProps =>
  text(description, { pattern: '^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$', minLength: 2, maxLength: 32 });

interface KindSchema {
  readonly type: ResourceType;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly columns: readonly CustomResourceColumnDefinition[];
  readonly spec: JSONSchemaProps;
  readonly status: JSONSchemaProps;
  readonly rules?: readonly { rule: string; message: string }[];
  readonly scale?: CustomResourceSubresources['scale'];
}

/** The CustomResourceDefinition of one of our kinds. */
export function toCrd({
  type,
  shortNames,
  description,
  columns,
  spec,
  status,
  rules,
  scale,
}: KindSchema): CustomResourceDefinition {
  const { group, version, kind, plural, namespaced } = type;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [...shortNames],
        categories: ['warren'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {}, ...(scale === undefined ? {} : { scale }) },
          additionalPrinterColumns: [
            ...columns,
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              ...(rules === undefined ? {} : { 'x-kubernetes-validations': [...rules] }),
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec,
                status,
              },
            },
          },
        },
      ],
    },
  };
}
