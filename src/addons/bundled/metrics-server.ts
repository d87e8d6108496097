import type { AnyObject } from '../../machinery/object/object.ts';
import { images } from './images.ts';
import { type BundledManifest, type BundledSettings, imageAt, systemTolerations } from './settings.ts';

const NAME = 'metrics-server';
const NAMESPACE = 'kube-system';
const RBAC = 'rbac.authorization.k8s.io';
const labels = { 'k8s-app': NAME };
const PORT = 10250;
/** Source: k3s `manifests/metrics-server/metrics-server-deployment.yaml`. */
const cipherSuites = ['AES_256_GCM_SHA384', 'AES_128_GCM_SHA256', 'CHACHA20_POLY1305'].flatMap((cipher) =>
  ['ECDSA', 'RSA'].map((key) => `TLS_ECDHE_${key}_WITH_${cipher}`),
);

/** Figures of nodes and pods for `kubectl top` and autoscalers, one object a file, under the names of k3s. */
export function metricsServerManifests({ registry }: BundledSettings): readonly BundledManifest[] {
  const file = (name: string, ...objects: AnyObject[]): BundledManifest => ({ path: `${NAME}/${name}.yaml`, objects });
  return [
    file('aggregated-metrics-reader', {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata: {
        name: 'system:aggregated-metrics-reader',
        labels: Object.fromEntries(['view', 'edit', 'admin'].map((role) => [`${RBAC}/aggregate-to-${role}`, 'true'])),
      },
      rules: [{ apiGroups: ['metrics.k8s.io'], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] }],
    }),
    file(
      'auth-delegator',
      binding('ClusterRoleBinding', 'metrics-server:system:auth-delegator', {
        kind: 'ClusterRole',
        name: 'system:auth-delegator',
      }),
    ),
    file(
      'auth-reader',
      binding('RoleBinding', 'metrics-server-auth-reader', {
        kind: 'Role',
        name: 'extension-apiserver-authentication-reader',
      }),
    ),
    file('metrics-apiservice', {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        service: { name: NAME, namespace: NAMESPACE },
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        insecureSkipTLSVerify: true,
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    }),
    file(
      'metrics-server-deployment',
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAME, namespace: NAMESPACE } },
      deployment(registry),
    ),
    file('metrics-server-service', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: NAME,
        namespace: NAMESPACE,
        labels: { 'kubernetes.io/name': 'Metrics-server', 'kubernetes.io/cluster-service': 'true' },
      },
      spec: {
        selector: labels,
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 'https' }],
        ipFamilyPolicy: 'PreferDualStack',
      },
    }),
    file(
      'resource-reader',
      {
        apiVersion: `${RBAC}/v1`,
        kind: 'ClusterRole',
        metadata: { name: 'system:metrics-server' },
        rules: [
          { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
          {
            apiGroups: [''],
            resources: ['pods', 'nodes', 'namespaces', 'configmaps'],
            verbs: ['get', 'list', 'watch'],
          },
        ],
      },
      binding('ClusterRoleBinding', 'system:metrics-server', { kind: 'ClusterRole', name: 'system:metrics-server' }),
    ),
  ];
}

function binding(
  kind: 'RoleBinding' | 'ClusterRoleBinding',
  name: string,
  role: { kind: string; name: string },
): AnyObject {
  return {
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: kind === 'RoleBinding' ? { name, namespace: NAMESPACE } : { name },
    roleRef: { apiGroup: RBAC, ...role },
    subjects: [{ kind: 'ServiceAccount', name: NAME, namespace: NAMESPACE }],
  };
}

function deployment(registry: string | undefined): AnyObject {
  const probe = (path: string) => ({
    httpGet: { path, port: 'https', scheme: 'HTTPS' },
    periodSeconds: 2,
    failureThreshold: 3,
  });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, namespace: NAMESPACE, labels },
    spec: {
      revisionHistoryLimit: 0,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } },
      selector: { matchLabels: labels },
      template: {
        metadata: { name: NAME, labels },
        spec: {
          priorityClassName: 'system-node-critical',
          serviceAccountName: NAME,
          tolerations: systemTolerations,
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          containers: [
            {
              name: NAME,
              image: imageAt(registry, images.metricsServer),
              imagePullPolicy: 'IfNotPresent',
              args: [
                '--cert-dir=/tmp',
                `--secure-port=${PORT}`,
                '--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
                '--kubelet-use-node-status-port',
                '--metric-resolution=15s',
                `--tls-cipher-suites=${cipherSuites.join(',')}`,
              ],
              ports: [{ name: 'https', containerPort: PORT, protocol: 'TCP' }],
              resources: { requests: { cpu: '100m', memory: '70Mi' } },
              livenessProbe: { ...probe('/livez'), initialDelaySeconds: 60 },
              readinessProbe: { ...probe('/readyz'), initialDelaySeconds: 0 },
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
                readOnlyRootFilesystem: true,
                runAsNonRoot: true,
                runAsUser: 1000,
                seccompProfile: { type: 'RuntimeDefault' },
              },
              volumeMounts: [{ name: 'tmp-dir', mountPath: '/tmp' }],
            },
          ],
          volumes: [{ name: 'tmp-dir', emptyDir: {} }],
        },
      },
    },
  };
}
