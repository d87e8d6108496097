import type { AnyObject } from '../../machinery/object/object.ts';
import { images } from './images.ts';
import { type BundledManifest, type BundledSettings, imageAt, systemTolerations } from './settings.ts';

const NAMESPACE = 'kube-system';
const labels = { 'k8s-app': 'kube-dns', 'kubernetes.io/name': 'CoreDNS' };
const metadata = (name: string): AnyObject['metadata'] => ({ name, namespace: NAMESPACE });

function corefile(clusterDomain: string): string {
  return `.:53 {
    errors
    health
    ready
    kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    hosts /etc/coredns/NodeHosts {
      ttl 60
      reload 15s
      fallthrough
    }
    prometheus :9153
    cache 30
    loop
    reload
    loadbalance
    import /etc/coredns/custom/*.override
    forward . /etc/resolv.conf
}
import /etc/coredns/custom/*.server
`;
}

/**
 * Cluster DNS; the names of nodes come into its ConfigMap by themselves, and what users add comes from `coredns-custom`.
 *
 * Source: k3s `manifests/coredns.yaml`.
 */
export function coreDnsManifests(settings: BundledSettings): readonly BundledManifest[] {
  return [{ path: 'coredns.yaml', objects: objects(settings) }];
}

function objects({ clusterDns, clusterDomain, registry }: BundledSettings): readonly AnyObject[] {
  const rbac = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('coredns') },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'system:coredns', labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
      rules: [
        { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'system:coredns', labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'system:coredns' },
      subjects: [{ kind: 'ServiceAccount', name: 'coredns', namespace: NAMESPACE }],
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('coredns'),
      data: { Corefile: corefile(clusterDomain) },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('cluster-dns'),
      data: { clusterDNS: clusterDns.join(','), clusterDomain },
    },
    deployment(registry),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        ...metadata('kube-dns'),
        annotations: { 'prometheus.io/port': '9153', 'prometheus.io/scrape': 'true' },
        labels: { ...labels, 'kubernetes.io/cluster-service': 'true' },
      },
      spec: {
        selector: { 'k8s-app': 'kube-dns' },
        clusterIP: clusterDns[0],
        clusterIPs: clusterDns,
        ipFamilyPolicy: clusterDns.length > 1 ? 'RequireDualStack' : 'SingleStack',
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
          { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
          { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
        ],
      },
    },
  ];
}

function deployment(registry: string | undefined): AnyObject {
  const probe = (path: string, port: number) => ({ httpGet: { path, port, scheme: 'HTTP' } });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata('coredns'), labels },
    spec: {
      revisionHistoryLimit: 0,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: { 'k8s-app': 'kube-dns' } },
      template: {
        metadata: { labels: { 'k8s-app': 'kube-dns' } },
        spec: {
          priorityClassName: 'system-cluster-critical',
          serviceAccountName: 'coredns',
          tolerations: systemTolerations,
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'DoNotSchedule',
              labelSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
            },
            {
              maxSkew: 1,
              topologyKey: 'topology.kubernetes.io/zone',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
            },
          ],
          containers: [
            {
              name: 'coredns',
              image: imageAt(registry, images.coredns),
              imagePullPolicy: 'IfNotPresent',
              args: ['-conf', '/etc/coredns/Corefile'],
              resources: { limits: { memory: '170Mi' }, requests: { cpu: '100m', memory: '70Mi' } },
              ports: [
                { containerPort: 53, name: 'dns', protocol: 'UDP' },
                { containerPort: 53, name: 'dns-tcp', protocol: 'TCP' },
                { containerPort: 9153, name: 'metrics', protocol: 'TCP' },
              ],
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { add: ['NET_BIND_SERVICE'], drop: ['all'] },
                readOnlyRootFilesystem: true,
              },
              livenessProbe: {
                ...probe('/health', 8080),
                initialDelaySeconds: 60,
                periodSeconds: 10,
                timeoutSeconds: 1,
                failureThreshold: 3,
              },
              readinessProbe: { ...probe('/ready', 8181), periodSeconds: 2, timeoutSeconds: 1, failureThreshold: 3 },
              volumeMounts: [
                { name: 'config-volume', mountPath: '/etc/coredns', readOnly: true },
                { name: 'custom-config-volume', mountPath: '/etc/coredns/custom', readOnly: true },
              ],
            },
          ],
          dnsPolicy: 'Default',
          volumes: [
            {
              name: 'config-volume',
              configMap: {
                name: 'coredns',
                items: [
                  { key: 'Corefile', path: 'Corefile' },
                  { key: 'NodeHosts', path: 'NodeHosts' },
                ],
              },
            },
            { name: 'custom-config-volume', configMap: { name: 'coredns-custom', optional: true } },
          ],
        },
      },
    },
  };
}
