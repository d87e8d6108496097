import { createHash } from 'node:crypto';
import { deployments } from '../../generated/resource-types.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { formerName, formerPorts, portOf } from '../addresses.ts';
import { DATASTORE_FILES } from '../api/virtual-cluster.ts';
import { labelsOf, namesOf, type Observed, secretText, selectorOf } from '../observed.ts';
import { POLICY_DEFAULTS } from '../policies/policies.ts';
import { containerSecurity, podSecurity } from '../restricted-pod.ts';
import { FAILED_IMAGE, LAST_GOOD, SERVER_VERSION } from '../rollback.ts';
import { PEER_PORT } from './network-policy.ts';
import { type Step, wait, want } from './step.ts';
import { REGISTRIES_KEY } from './token.ts';

const DATA_DIR = '/var/lib/warren';
const PKI_DIR = '/etc/warren/pki';
const TOKEN_DIR = '/etc/warren/token';
const AGENT_FILES_DIR = '/var/lib/warren-agent';
const EXTRA_FILES_DIR = '/etc/warren/files';
const DATASTORE_DIR = '/etc/warren/datastore';

/** The Deployment of the tenant's server. */
export const serverStep: Step = {
  name: 'server',
  condition: 'ControlPlaneAvailable',
  plan(observed) {
    const { cluster, spec } = observed;
    const port = portOf(observed.service);
    if (port === undefined) return wait('ServiceMissing', 'the Service has no port yet');
    if (observed.tokenSecret === undefined) return wait('TokenMissing', 'the join token is not there yet');
    const object: AnyObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: namesOf(cluster).server,
        namespace: cluster.metadata.namespace,
        labels: labelsOf(cluster),
        annotations: recordOf(observed),
      },
      spec: {
        replicas: spec.suspend ? 0 : spec.replicas,
        revisionHistoryLimit: 3,
        // A server is up within seconds; one that is not by then is taken back.
        progressDeadlineSeconds: 300,
        selector: { matchLabels: selectorOf(cluster) },
        // One SQLite file has one writer: the old server must be gone before the new one opens it.
        strategy:
          spec.datastore.type === 'SQLite'
            ? { type: 'Recreate' }
            : { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: podTemplate(observed, port),
      },
    };
    return want({ type: deployments, object });
  },
};

function podTemplate(observed: Observed, port: number): Record<string, unknown> {
  const { cluster, spec, settings } = observed;
  const names = namesOf(cluster);
  const { metadata, spec: placement } = spec.podTemplate ?? {};
  const sqlite = spec.datastore.type === 'SQLite';
  const probe = (path: string) => ({ httpGet: { path, port, scheme: 'HTTPS' }, timeoutSeconds: 5 });
  const secretRef = sqlite ? undefined : spec.datastore.secretRef;
  const files = datastoreFiles(observed);
  return {
    metadata: {
      labels: { ...metadata?.labels, ...labelsOf(cluster) },
      annotations: {
        ...metadata?.annotations,
        'warren.dev/identity': identityHash(observed),
        ...datastoreHash(observed),
      },
    },
    spec: {
      ...spreadOf(observed),
      ...placement,
      ...podSecurity,
      containers: [
        {
          name: 'server',
          image: settings.image,
          imagePullPolicy: settings.imagePullPolicy,
          // A tenant that is held at its version keeps the flags that this version knows.
          args: observed.heldArgs ?? serverArgs(observed, port),
          ...(secretRef === undefined
            ? {}
            : {
                env: [
                  {
                    name: 'WARREN_DATASTORE_ENDPOINT',
                    valueFrom: { secretKeyRef: { name: secretRef.name, key: secretRef.key } },
                  },
                  // Where the other servers of the tenant ask for its tunnels.
                  { name: 'WARREN_PEER_ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
                ],
              }),
          ports: [
            { name: 'https', containerPort: port, protocol: 'TCP' },
            ...formerPorts(observed, port).map((former) => ({
              name: formerName(former),
              containerPort: former,
              protocol: 'TCP',
            })),
          ],
          startupProbe: { ...probe('/livez'), periodSeconds: 1, failureThreshold: 120 },
          livenessProbe: { ...probe('/livez'), periodSeconds: 10, failureThreshold: 6 },
          readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 3 },
          // What the server says last shows in the status of its pod, and from there in ours.
          terminationMessagePolicy: 'FallbackToLogsOnError',
          resources: spec.resources ?? { requests: { cpu: '50m', memory: '128Mi' } },
          securityContext: containerSecurity,
          volumeMounts: [
            { name: 'data', mountPath: DATA_DIR },
            { name: 'pki', mountPath: PKI_DIR, readOnly: true },
            { name: 'token', mountPath: TOKEN_DIR, readOnly: true },
            ...(files.length > 0 ? [{ name: 'datastore', mountPath: DATASTORE_DIR, readOnly: true }] : []),
            ...(spec.agentFilesClaim === undefined
              ? []
              : [{ name: 'agent-files', mountPath: AGENT_FILES_DIR, readOnly: true }]),
            ...(spec.extraFiles.length === 0
              ? []
              : [{ name: 'extra-files', mountPath: EXTRA_FILES_DIR, readOnly: true }]),
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        sqlite ? { name: 'data', persistentVolumeClaim: { claimName: names.claim } } : { name: 'data', emptyDir: {} },
        { name: 'pki', secret: { secretName: names.pki, defaultMode: 0o440 } },
        {
          name: 'token',
          secret: {
            secretName: names.token,
            items: ['token', 'endpoint.json', REGISTRIES_KEY].map((key) => ({ key, path: key })),
            defaultMode: 0o440,
          },
        },
        ...(files.length > 0
          ? [
              {
                name: 'datastore',
                secret: {
                  secretName: secretRef?.name,
                  items: files.map((key) => ({ key, path: key })),
                  defaultMode: 0o440,
                },
              },
            ]
          : []),
        ...(spec.agentFilesClaim === undefined
          ? []
          : [
              {
                name: 'agent-files',
                persistentVolumeClaim: { claimName: spec.agentFilesClaim, readOnly: true },
              },
            ]),
        ...(spec.extraFiles.length === 0
          ? []
          : [{ name: 'extra-files', projected: { sources: spec.extraFiles, defaultMode: 0o440 } }]),
        { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
      ],
    },
  };
}

/** Flags of `warren server`; k3s's names where the meaning is the same. */
function serverArgs(observed: Observed, port: number): string[] {
  const { spec } = observed;
  return [
    'server',
    `--data-dir=${DATA_DIR}`,
    `--https-listen-port=${port}`,
    ...formerPorts(observed, port).map((former) => `--former-listen-port=${former}`),
    // Addresses and names come and go with nodes and load balancers: the server follows the file, and stays up.
    `--endpoint-file=${TOKEN_DIR}/endpoint.json`,
    `--pki-dir=${PKI_DIR}`,
    `--token-file=${TOKEN_DIR}/token`,
    `--agent-registries=${TOKEN_DIR}/${REGISTRIES_KEY}`,
    ...(spec.datastore.type === 'SQLite' ? [] : [`--peer-port=${PEER_PORT}`]),
    ...datastoreFiles(observed).map((key) => `${DATASTORE_FILES[key]}=${DATASTORE_DIR}/${key}`),
    `--cluster-cidr=${spec.networking.podCIDRs.join(',')}`,
    `--service-cidr=${spec.networking.serviceCIDRs.join(',')}`,
    ...(spec.networking.dnsServiceIP === undefined ? [] : [`--cluster-dns=${spec.networking.dnsServiceIP}`]),
    `--cluster-domain=${spec.networking.clusterDomain}`,
    ...(spec.disabledAddons.length === 0 ? [] : [`--disable=${spec.disabledAddons.join(',')}`]),
    ...(spec.agentFilesClaim === undefined ? [] : [`--agent-files=${AGENT_FILES_DIR}`]),
    ...spec.extraArgs,
  ];
}

/** Changes when what a running server has read of its Secrets is no longer true, so that its pod is replaced. */
function identityHash({ pkiSecret, tokenSecret }: Observed): string {
  const hash = createHash('sha256').update(secretText(tokenSecret, 'token') ?? '');
  for (const key of Object.keys(pkiSecret?.data ?? {}).sort()) hash.update(`${key}=${pkiSecret?.data?.[key]}\n`);
  return hash.digest('hex').slice(0, 16);
}

/** Keys of the datastore's Secret that are files of TLS. */
export function datastoreFiles({ spec, datastoreSecret }: Observed): (keyof typeof DATASTORE_FILES)[] {
  if (spec.datastore.type === 'SQLite') return [];
  const keys = Object.keys(DATASTORE_FILES) as (keyof typeof DATASTORE_FILES)[];
  return keys.filter((key) => !!datastoreSecret?.data?.[key]);
}

/** Changes with what the server reads of the datastore's Secret; a hash with a key tells nothing about the password. */
function datastoreHash({ cluster, spec, datastoreSecret }: Observed): Record<string, string> {
  const { secretRef } = spec.datastore;
  if (spec.datastore.type === 'SQLite' || secretRef === undefined) return {};
  const hash = createHash('sha256').update(cluster.metadata.uid ?? '');
  for (const key of [secretRef.key, ...Object.keys(DATASTORE_FILES)])
    hash.update(`${key}=${datastoreSecret?.data?.[key] ?? ''}\n`);
  return { 'warren.dev/datastore': hash.digest('hex').slice(0, 16) };
}

/** Replicas on nodes and in zones of their own where there are enough; what the user says comes instead. */
function spreadOf({ cluster, spec }: Observed): Record<string, unknown> {
  if (spec.replicas < 2) return {};
  const labelSelector = { matchLabels: selectorOf(cluster) };
  return {
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 100, podAffinityTerm: { labelSelector, topologyKey: 'kubernetes.io/hostname' } },
        ],
      },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector,
      },
    ],
  };
}

/** What the operator must know of this server when it looks again. */
function recordOf({ settings, lastGood, failedImage, policyDefaults }: Observed): Record<string, string> {
  return {
    [SERVER_VERSION]: settings.serverVersion,
    ...(lastGood === undefined ? {} : { [LAST_GOOD]: JSON.stringify(lastGood) }),
    ...(policyDefaults === undefined ? {} : { [POLICY_DEFAULTS]: policyDefaults }),
    ...(failedImage === undefined ? {} : { [FAILED_IMAGE]: failedImage }),
  };
}
