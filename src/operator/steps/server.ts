import { createHash } from 'node:crypto';
import { deployments } from '../../generated/resource-types.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { advertisedHosts, isIp, portOf } from '../addresses.ts';
import { labelsOf, namesOf, type Observed, secretText, selectorOf } from '../observed.ts';
import { type Step, wait, want } from './step.ts';
import { noAddressMessage } from './token.ts';

const DATA_DIR = '/var/lib/warren';
const PKI_DIR = '/etc/warren/pki';
const TOKEN_FILE = '/etc/warren/token/token';

/** The Deployment of the tenant's server. */
export const serverStep: Step = {
  name: 'server',
  condition: 'ControlPlaneAvailable',
  plan(observed) {
    const { cluster, spec } = observed;
    const port = portOf(observed.service);
    if (port === undefined) return wait('ServiceMissing', 'the Service has no port yet');
    if (advertisedHosts(observed).length === 0) return wait('NoAddress', noAddressMessage(observed));
    if (observed.tokenSecret === undefined) return wait('TokenMissing', 'the join token is not there yet');
    const object: AnyObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: namesOf(cluster).server, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
      spec: {
        replicas: spec.suspend ? 0 : spec.replicas,
        revisionHistoryLimit: 3,
        selector: { matchLabels: selectorOf(cluster) },
        // One SQLite file has one writer: the old server must be gone before the new one opens it.
        strategy: spec.datastore.type === 'SQLite' ? { type: 'Recreate' } : { type: 'RollingUpdate' },
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
  const secretRef = spec.datastore.secretRef;
  return {
    metadata: {
      labels: { ...metadata?.labels, ...labelsOf(cluster) },
      annotations: { ...metadata?.annotations, 'warren.dev/identity': identityHash(observed) },
    },
    spec: {
      ...placement,
      // The tenant talks to nobody on the host; it gets no identity there.
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        fsGroup: 65532,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'server',
          image: settings.image,
          imagePullPolicy: settings.imagePullPolicy,
          args: serverArgs(observed, port),
          ...(secretRef === undefined
            ? {}
            : {
                env: [
                  {
                    name: 'WARREN_DATASTORE_ENDPOINT',
                    valueFrom: { secretKeyRef: { name: secretRef.name, key: secretRef.key ?? 'endpoint' } },
                  },
                ],
              }),
          ports: [{ name: 'https', containerPort: port, protocol: 'TCP' }],
          startupProbe: { ...probe('/livez'), periodSeconds: 1, failureThreshold: 120 },
          livenessProbe: { ...probe('/livez'), periodSeconds: 10, failureThreshold: 6 },
          readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 3 },
          resources: spec.resources ?? { requests: { cpu: '50m', memory: '128Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [
            { name: 'data', mountPath: DATA_DIR },
            { name: 'pki', mountPath: PKI_DIR, readOnly: true },
            { name: 'token', mountPath: '/etc/warren/token', readOnly: true },
            { name: 'tmp', mountPath: '/tmp' },
          ],
        },
      ],
      volumes: [
        sqlite ? { name: 'data', persistentVolumeClaim: { claimName: names.claim } } : { name: 'data', emptyDir: {} },
        { name: 'pki', secret: { secretName: names.pki, defaultMode: 0o440 } },
        {
          name: 'token',
          secret: { secretName: names.token, items: [{ key: 'token', path: 'token' }], defaultMode: 0o440 },
        },
        { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
      ],
    },
  };
}

/** Flags of `warren server`; k3s's names where the meaning is the same. */
function serverArgs(observed: Observed, port: number): string[] {
  const { cluster, spec } = observed;
  const hosts = advertisedHosts(observed);
  const addresses = hosts.filter(isIp);
  const { server } = namesOf(cluster);
  const { namespace } = cluster.metadata;
  const sans = [...hosts.filter((host) => !isIp(host)), ...spec.extraSANs, server, `${server}.${namespace}.svc`];
  return [
    'server',
    `--data-dir=${DATA_DIR}`,
    `--https-listen-port=${port}`,
    ...(addresses.length > 0 ? [`--node-external-ip=${addresses.join(',')}`] : []),
    `--tls-san=${sans.join(',')}`,
    `--pki-dir=${PKI_DIR}`,
    `--token-file=${TOKEN_FILE}`,
    `--cluster-cidr=${spec.networking.podCIDRs.join(',')}`,
    `--service-cidr=${spec.networking.serviceCIDRs.join(',')}`,
    ...(spec.networking.dnsServiceIP === undefined ? [] : [`--cluster-dns=${spec.networking.dnsServiceIP}`]),
    `--cluster-domain=${spec.networking.clusterDomain}`,
    ...(spec.disabledAddons.length === 0 ? [] : [`--disable=${spec.disabledAddons.join(',')}`]),
    ...spec.extraArgs,
  ];
}

/** Changes when what a running server has read of its Secrets is no longer true, so that its pod is replaced. */
function identityHash({ pkiSecret, tokenSecret }: Observed): string {
  const hash = createHash('sha256').update(secretText(tokenSecret, 'token') ?? '');
  for (const key of Object.keys(pkiSecret?.data ?? {}).sort()) hash.update(`${key}=${pkiSecret?.data?.[key]}\n`);
  return hash.digest('hex').slice(0, 16);
}
