import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  JSONSchemaProps,
} from '../../generated/api/apiextensions/v1.ts';
import { helmChartConfigs, helmCharts } from './helm-chart.ts';
import { podSecurityContextSchema, securityContextSchema } from './security-schemas.ts';

const text = (description: string, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  description,
  type: 'string',
  ...more,
});
const flag = (description: string): JSONSchemaProps => ({ description, type: 'boolean' });
const reference = (description: string): JSONSchemaProps => ({
  description,
  type: 'object',
  properties: { name: { type: 'string', default: '' } },
  'x-kubernetes-map-type': 'atomic',
});

/** Of charts and of their configs. */
const settings: Record<string, JSONSchemaProps> = {
  values: {
    description: 'Values of the chart, as an object; they win over valuesContent.',
    'x-kubernetes-preserve-unknown-fields': true,
  },
  valuesContent: text('Values of the chart, as YAML text.'),
  valuesSecrets: {
    description: 'Secrets of this namespace whose keys hold values as YAML text.',
    type: 'array',
    items: {
      type: 'object',
      properties: {
        name: text('Name of the Secret.'),
        keys: {
          description: 'Keys that are read; none means that the Secret is not used.',
          type: 'array',
          items: { type: 'string' },
        },
        ignoreUpdates: flag('The Secret may be missing, and its changes do not upgrade the chart.'),
      },
    },
  },
  failurePolicy: text(
    'What follows a failed installation or upgrade: abort leaves it to the administrator, reinstall removes the chart and installs it anew, retry tries again with each change.',
    { enum: ['abort', 'reinstall', 'retry'], default: 'reinstall' },
  ),
  serverSide: text(
    'Whether Helm applies on the server: true, false, or auto for what the release was installed with.',
    {
      enum: ['true', 'false', 'auto'],
    },
  ),
  forceConflicts: flag('Helm takes over fields that others manage.'),
};

const chartSpec: Record<string, JSONSchemaProps> = {
  ...settings,
  targetNamespace: text('Namespace that the chart is installed into. Default: that of this object.'),
  createNamespace: flag('Makes the target namespace where it is missing.'),
  chart: text('Name of the chart in its repository, or the whole URL of its archive.'),
  version: text('Version of the chart in its repository.'),
  repo: text('URL of the chart repository.'),
  repoCA: text('Certificates in PEM that servers of charts are checked by.'),
  repoCAConfigMap: reference('ConfigMap with certificates that servers of charts are checked by.'),
  set: {
    description: 'Single values by their path; they win over all others.',
    type: 'object',
    additionalProperties: { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
  },
  helmVersion: text('Deprecated: only v3 is served.'),
  bootstrap: flag('The cluster needs the chart before its nodes are ready, such as a network.'),
  takeOwnership: flag('Helm takes over objects that exist already.'),
  chartContent: text('The archive of the chart in base64, instead of chart and version.'),
  jobImage: text('Image of the Job that runs Helm.'),
  backOffLimit: { description: 'Tries before the Job has failed.', type: 'integer', format: 'int32' },
  timeout: text('How long Helm waits, such as 5m0s.'),
  authSecret: reference('Secret of type kubernetes.io/basic-auth for the chart repository.'),
  authPassCredentials: flag('Sends these credentials to all hosts.'),
  insecureSkipTLSVerify: flag('Does not check certificates of servers of charts.'),
  plainHTTP: flag('Fetches the chart without TLS.'),
  dockerRegistrySecret: reference('Secret of type kubernetes.io/dockerconfigjson for a registry that holds the chart.'),
  podSecurityContext: { ...podSecurityContextSchema, description: 'Security settings of the Job’s pod.' },
  securityContext: { ...securityContextSchema, description: 'Security settings of the Job’s container.' },
  driver: text('Where Helm keeps its releases; stays as it was at first.', {
    enum: ['secret', 'configmap'],
    default: 'secret',
  }),
};

/** Kept apart, since whoever has no chart should not load what judges rules. */
const driverRules: JSONSchemaProps['x-kubernetes-validations'] = [
  {
    rule: '!oldSelf.hasValue() || self == oldSelf.value()',
    message: 'driver is immutable after creation',
    optionalOldSelf: true,
  },
];

const chartStatus: JSONSchemaProps = {
  type: 'object',
  properties: {
    jobName: text('The Job that works on the chart.'),
    conditions: {
      description: 'JobCreated and Failed.',
      type: 'array',
      items: {
        type: 'object',
        properties: {
          type: { type: 'string' },
          status: { type: 'string' },
          reason: { type: 'string' },
          message: { type: 'string' },
        },
        required: ['type', 'status'],
      },
      'x-kubernetes-list-map-keys': ['type'],
      'x-kubernetes-list-type': 'map',
    },
  },
};

const column = (
  name: string,
  jsonPath: string,
  type = 'string',
  priority?: number,
): CustomResourceColumnDefinition => ({
  name,
  type,
  jsonPath,
  ...(priority === undefined ? {} : { priority }),
});

/** Source of names, fields and columns: helm-controller `pkg/apis/helm.cattle.io/v1/types.go`. */
export const helmChartDefinition: CustomResourceDefinition = toChartDefinition(chartSpec);

/** As {@link helmChartDefinition}, with rules on changes: no chart, no change. */
export const ruledHelmChartDefinition: CustomResourceDefinition = toChartDefinition({
  ...chartSpec,
  driver: { ...chartSpec['driver'], 'x-kubernetes-validations': driverRules },
});

export const helmChartConfigDefinition: CustomResourceDefinition = define(
  helmChartConfigs,
  'hcc',
  'Further settings for the HelmChart of the same name, which may be somebody else’s.',
  { properties: { spec: { type: 'object', properties: settings } } },
);

function toChartDefinition(spec: Record<string, JSONSchemaProps>): CustomResourceDefinition {
  return define(helmCharts, 'hc', 'A Helm chart that is to be installed in the cluster.', {
    properties: { spec: { type: 'object', properties: spec }, status: chartStatus },
    subresources: { status: {} },
    columns: [
      column('Repo', '.spec.repo'),
      column('Chart', '.spec.chart'),
      column('Version', '.spec.version'),
      column('TargetNamespace', '.spec.targetNamespace'),
      column('Bootstrap', '.spec.bootstrap', 'boolean'),
      column('Failed', ".status.conditions[?(@.type=='Failed')].status"),
      column('Job', '.status.jobName', 'string', 10),
    ],
  });
}

function define(
  { group, version, kind, plural }: typeof helmCharts | typeof helmChartConfigs,
  shortName: string,
  description: string,
  more: {
    readonly properties: Record<string, JSONSchemaProps>;
    readonly columns?: CustomResourceColumnDefinition[];
    readonly subresources?: { status: object };
  },
): CustomResourceDefinition {
  const { properties, columns, subresources } = more;
  return {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: [shortName] },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          ...(columns === undefined ? {} : { additionalPrinterColumns: columns }),
          ...(subresources === undefined ? {} : { subresources }),
          schema: {
            openAPIV3Schema: {
              description,
              type: 'object',
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                ...properties,
              },
            },
          },
        },
      ],
    },
  };
}
