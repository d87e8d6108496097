import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { storageSchema } from './backup-schema.ts';
import { controlPlane } from './control-plane-schema.ts';
import { registries } from './registries-schema.ts';
import {
  cidrText,
  conditions,
  count,
  duration,
  fields,
  flag,
  HOST_PATTERN,
  immutable,
  observedGeneration,
  quantity,
  reference,
  strings,
  text,
  texts,
  toCrd,
} from './schema-fields.ts';
import { type AddonName, tenantAddons, virtualClusters } from './virtual-cluster.ts';

const addonTexts: Record<AddonName, string> = {
  coredns: 'Cluster DNS.',
  serviceLB: 'Gives services of type LoadBalancer their ports on the machines.',
  localStorage: 'The storage class local-path: volumes on the machines’ own disks.',
  metricsServer: 'Figures of nodes and pods, for kubectl top and autoscalers.',
  runtimes: 'Runtime classes of runtimes that agents find on their machines.',
  traefik: 'The ingress controller Traefik, as a HelmChart.',
};
const addons = Object.fromEntries(
  (Object.keys(tenantAddons) as AddonName[]).map((name) => [
    name,
    fields(addonTexts[name], { enabled: flag('Deploy it.', { default: tenantAddons[name].byDefault }) }),
  ]),
);
const DNS_PATTERN = '^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$';

const exposure = fields(
  'How machines outside the host cluster reach the tenant.',
  {
    type: text(
      'NodePort gives the tenant a port on every host node; LoadBalancer asks the cloud for an address; ClusterIP stays inside.',
      {
        enum: ['NodePort', 'LoadBalancer', 'ClusterIP'],
        default: 'NodePort',
      },
    ),
    hosts: strings(
      'Addresses or names that machines dial. Left empty: all ready host nodes (ExternalIP before InternalIP), the load balancer, or the cluster IP.',
      { pattern: HOST_PATTERN, maxLength: 253 },
      { maxItems: 32, 'x-kubernetes-list-type': 'set' },
    ),
    nodePort: fields('Settings of the NodePort exposure.', {
      port: count('The one port of the tenant. Left empty, a free one is chosen.', { minimum: 1024, maximum: 65535 }),
    }),
    annotations: texts("Annotations of the tenant's Service, such as those that a cloud's load balancer reads."),
    loadBalancerClass: text(
      'Class of the load balancer, where the host cluster has several. It cannot be changed later.',
      {
        maxLength: 253,
        'x-kubernetes-validations': [
          {
            rule: 'self == oldSelf',
            message: 'loadBalancerClass cannot be changed while the host has it: leave the type LoadBalancer first',
          },
        ],
      },
    ),
    ingress: fields(
      'Leads users to the API by a name, through an Ingress whose controller passes TLS on by that name (SNI). Machines come the way of type: agents ask for no name.',
      {
        host: text('The name, which must lead to the ingress controller.', { pattern: DNS_PATTERN, maxLength: 253 }),
        className: text('Class of the Ingress. Left empty: the default of the host cluster.', { maxLength: 253 }),
        annotations: texts('Annotations of the Ingress, beside those that ask nginx and haproxy to pass TLS on.'),
      },
      { required: ['host'] },
    ),
    gateway: fields(
      'Leads users to the API by a name, through a Gateway whose TLS listener passes connections on. Machines come the way of type.',
      {
        host: text('The name, which must lead to the Gateway.', { pattern: DNS_PATTERN, maxLength: 253 }),
        parentRefs: {
          type: 'array',
          description: 'Listeners of Gateways.',
          minItems: 1,
          maxItems: 8,
          'x-kubernetes-list-type': 'atomic',
          items: fields(
            'A listener.',
            {
              name: text('Name of the Gateway.', { minLength: 1, maxLength: 253 }),
              namespace: text('Namespace of the Gateway. Left empty: that of the VirtualCluster.', { maxLength: 63 }),
              sectionName: text('Name of the listener.', { maxLength: 253 }),
              port: count('Port of the listener.', { minimum: 1, maximum: 65535 }),
            },
            { required: ['name'] },
          ),
        },
      },
      { required: ['host', 'parentRefs'] },
    ),
    allowedCIDRs: strings(
      'Ranges from which machines and users may come. Left empty: from anywhere. Traffic keeps its source address then (externalTrafficPolicy Local), and the nodes that run the server answer it.',
      cidrText,
      { maxItems: 64, 'x-kubernetes-list-type': 'set' },
    ),
  },
  {
    default: {},
    'x-kubernetes-validations': [
      {
        rule: "!has(self.nodePort) || !has(self.type) || self.type == 'NodePort'",
        message: 'nodePort is only read where exposure.type is NodePort: remove it or change the type',
      },
    ],
  },
);

const networking = fields(
  "Address ranges inside the tenant; they need not be unique among tenants, but must not cover the machines' own network.",
  {
    podCIDRs: strings('Ranges that pods get their addresses from. Default 10.42.0.0/16.', cidrText, {
      minItems: 1,
      maxItems: 2,
      default: ['10.42.0.0/16'],
      'x-kubernetes-list-type': 'atomic',
    }),
    serviceCIDRs: strings('Ranges that Services get their addresses from. Default 10.43.0.0/16.', cidrText, {
      minItems: 1,
      maxItems: 2,
      default: ['10.43.0.0/16'],
      'x-kubernetes-list-type': 'atomic',
    }),
    dnsServiceIP: text('Address of the DNS Service. Default: the tenth address of the first Service range.', {
      maxLength: 45,
      'x-kubernetes-validations': [{ rule: 'isIP(self)', message: 'write an address, such as 10.43.0.10' }],
    }),
    clusterDomain: text('DNS suffix of Services.', {
      default: 'cluster.local',
      maxLength: 253,
      pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$',
    }),
  },
  {
    default: {},
    'x-kubernetes-validations': [
      ...immutable('networking'),
      {
        rule: '!has(self.podCIDRs) || !has(self.serviceCIDRs) || !self.podCIDRs.exists(p, isCIDR(p) && self.serviceCIDRs.exists(s, isCIDR(s) && (cidr(p).containsCIDR(s) || cidr(s).containsCIDR(p))))',
        message: 'podCIDRs and serviceCIDRs overlap: give them separate ranges',
      },
      ...['podCIDRs', 'serviceCIDRs'].map((field) => ({
        rule: `!has(self.${field}) || self.${field}.size() < 2 || !self.${field}.all(c, isCIDR(c)) || cidr(self.${field}[0]).ip().family() != cidr(self.${field}[1]).ip().family()`,
        message: `two ${field} are one of IPv4 and one of IPv6`,
      })),
      {
        rule: '!has(self.dnsServiceIP) || !isIP(self.dnsServiceIP) || (has(self.serviceCIDRs) && self.serviceCIDRs.exists(s, isCIDR(s) && cidr(s).containsIP(self.dnsServiceIP)))',
        message: 'dnsServiceIP is in none of serviceCIDRs',
      },
    ],
  },
);

const datastore = fields(
  'Where the state of the tenant is kept.',
  {
    type: text('SQLite keeps one file on a volume; PostgreSQL allows several replicas.', {
      enum: ['SQLite', 'PostgreSQL'],
      default: 'SQLite',
      'x-kubernetes-validations': immutable('datastore.type'),
    }),
    secretRef: fields(
      'The Secret that holds the PostgreSQL DSN, and where needed ca.crt, and tls.crt with tls.key, for the connection.',
      {
        name: text('Name of the Secret, in the same namespace.', { minLength: 1, maxLength: 253 }),
        key: text('Key of the DSN.', { default: 'endpoint', minLength: 1, maxLength: 253 }),
      },
      { required: ['name'] },
    ),
    persistentVolumeClaim: fields('The volume of the SQLite file.', {
      storageClassName: text('Storage class. Left empty: the default class of the host cluster.', {
        maxLength: 253,
        'x-kubernetes-validations': immutable('storageClassName'),
      }),
      size: quantity(
        'Size of the volume. A volume that is there grows where its class allows that, and never shrinks.',
        {
          default: '1Gi',
          'x-kubernetes-validations': [
            {
              rule: "!isQuantity(string(self)) || quantity(string(self)).isGreaterThan(quantity('0'))",
              message: 'the volume needs a size greater than 0',
            },
          ],
        },
      ),
    }),
  },
  {
    default: {},
    'x-kubernetes-validations': [
      {
        rule: "!has(self.type) || self.type != 'PostgreSQL' || has(self.secretRef)",
        message: 'PostgreSQL needs datastore.secretRef: name the Secret that holds the DSN',
      },
      {
        rule: "!has(self.secretRef) || (has(self.type) && self.type == 'PostgreSQL')",
        message: 'datastore.secretRef is only read where datastore.type is PostgreSQL',
      },
    ],
  },
);

const spec = fields(
  'The tenant as it should be.',
  {
    version: text('Kubernetes version of the tenant, such as v1.36. Left empty: the newest that the operator serves.', {
      pattern: '^v1\\.[0-9]+(\\.[0-9]+)?([+-][0-9A-Za-z.-]+)?$',
      maxLength: 64,
    }),
    replicas: count('Server replicas.', { minimum: 0, maximum: 9, default: 1 }),
    suspend: flag('Stops the control plane and keeps its data. Machines reconnect when it is resumed.', {
      default: false,
    }),
    exposure,
    networking,
    tls: fields('Serving certificate of the tenant.', {
      extraSANs: strings(
        'Further names and addresses that the certificate is valid for.',
        { pattern: HOST_PATTERN, maxLength: 253 },
        {
          maxItems: 64,
          'x-kubernetes-list-type': 'set',
        },
      ),
    }),
    datastore,
    controlPlane,
    addons: fields('What is deployed into the tenant once it has a node.', addons),
    nodes: fields('The machines that join.', {
      removeAfter: duration(
        'How long a machine may be away until its Node is deleted, such as 30d. Left empty: for ever.',
      ),
      files: fields(
        'A volume with k3s binaries (k3s, k3s-arm64, k3s-armhf), archives of images and sha256sum.txt, as releases of k3s have them; machines that reach nothing else get them through the tenant’s port.',
        {
          persistentVolumeClaim: fields(
            'The volume, which is only read.',
            { claimName: text('A claim of this namespace.', { minLength: 1, maxLength: 253 }) },
            { required: ['claimName'] },
          ),
        },
        { required: ['persistentVolumeClaim'] },
      ),
      registries,
    }),
    restoreFrom: fields(
      'Makes the tenant from a backup, with its authorities and its token: machines that had joined reconnect. A tenant that is there already is stopped and takes the state of the backup, which is done once for each different value.',
      {
        backupName: text('A VirtualClusterBackup of this namespace.', { minLength: 1, maxLength: 253 }),
        storage: storageSchema('Where the backup lies, such as one of another host cluster.'),
        key: text('The backup, as status.backups tells it. Left empty: the newest one of backupName.', {
          minLength: 1,
          maxLength: 1024,
        }),
        again: text('A new value restores the same backup once more.', { maxLength: 128 }),
      },
      {
        'x-kubernetes-validations': [
          { rule: 'has(self.backupName) != has(self.storage)', message: 'give either backupName or storage' },
          { rule: '!has(self.storage) || has(self.key)', message: 'storage needs key: name the backup' },
        ],
      },
    ),
    deletionPolicy: text(
      'Delete removes everything with the VirtualCluster; Retain keeps the volume, the CA and the token.',
      {
        enum: ['Delete', 'Retain'],
        default: 'Delete',
      },
    ),
  },
  {
    default: {},
    'x-kubernetes-validations': [
      {
        rule: "!has(self.replicas) || self.replicas <= 1 || (has(self.datastore.type) && self.datastore.type == 'PostgreSQL')",
        message: 'more than one replica needs datastore.type PostgreSQL: one SQLite file has one writer',
      },
    ],
  },
);

const status = fields('The tenant as it is.', {
  observedGeneration,
  phase: text('Short word for the whole.', {
    enum: ['Pending', 'Provisioning', 'Ready', 'Degraded', 'Suspended', 'Deleting'],
  }),
  version: text('The version that runs.'),
  conditions,
  endpoint: text('URL that machines and users dial.'),
  publicEndpoint: text('URL by which users reach the API through an Ingress or a Gateway.'),
  caCertHash: text('SHA-256 of the CA certificate, as join tokens carry it.'),
  nodes: fields('Machines that joined.', {
    total: count('All of them.'),
    ready: count('Those that are Ready.'),
    summary: text('ready/total, for the table.'),
  }),
  kubeconfigSecretRef: reference('The Secret with the admin kubeconfig.'),
  tokenSecretRef: reference('The Secret with the join token.'),
  datastore: text('The datastore in use.'),
  replicas: count('Server replicas that are ready.'),
  policies: strings('VirtualClusterPolicies that are for it.', {}, { 'x-kubernetes-list-type': 'atomic' }),
  policyViolations: {
    type: 'array',
    description: 'What they do not allow.',
    'x-kubernetes-list-type': 'atomic',
    items: fields('A violation.', {
      policy: text('The policy.'),
      reason: text('What is wrong, as one word.'),
      message: text('What is wrong, as a sentence.'),
    }),
  },
  restoredFrom: text('The backup that the tenant was made from last.'),
  caRotation: text('The value of the annotation warren.dev/rotate-ca that was acted on last.'),
  tokenRotation: text('The value of the annotation warren.dev/rotate-token that was acted on last.'),
});

/** The CRD of VirtualCluster; `npm run generate` writes it to `crds/`. */
export function virtualClusterCrd(): CustomResourceDefinition {
  return toCrd({
    type: virtualClusters,
    shortNames: ['vc'],
    description: 'A nested Kubernetes cluster whose control plane runs as a pod and whose nodes are machines anywhere.',
    scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
    columns: [
      {
        name: 'Version',
        type: 'string',
        jsonPath: '.status.version',
        description: 'Kubernetes version that runs',
      },
      { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'Short word for the state' },
      {
        name: 'Nodes',
        type: 'string',
        jsonPath: '.status.nodes.summary',
        description: 'Ready machines of all that joined',
      },
      { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint', description: 'URL to dial' },
      {
        name: 'Datastore',
        type: 'string',
        jsonPath: '.status.datastore',
        description: 'Where the state is kept',
      },
    ],
    rules: [
      {
        rule: 'self.metadata.name.size() <= 44',
        message: 'the name is part of the names of other objects and may have at most 44 characters',
      },
      {
        rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        message:
          'the name is part of the name of a Service: it starts with a letter, and has letters, digits and dashes only',
      },
    ],
    spec,
    status,
  });
}
