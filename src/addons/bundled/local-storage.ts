import type { AnyObject } from '../../machinery/object/object.ts';
import { images } from './images.ts';
import { type BundledManifest, type BundledSettings, imageAt, systemTolerations } from './settings.ts';

const NAMESPACE = 'kube-system';
const ACCOUNT = 'local-path-provisioner-service-account';
const PROVISIONER = 'local-path-provisioner';
const RBAC = 'rbac.authorization.k8s.io';

const SETUP = `#!/bin/sh
set -eu
mkdir -m 0777 -p "\${VOL_DIR}"
chmod 700 "\${VOL_DIR}/.."
`;
const TEARDOWN = `#!/bin/sh
set -eu
rm -rf "\${VOL_DIR}"
`;
const helperPod = (registry: string | undefined): string => `apiVersion: v1
kind: Pod
metadata:
  name: helper-pod
spec:
  containers:
    - name: helper-pod
      image: ${imageAt(registry, images.localPathHelper)}
      imagePullPolicy: IfNotPresent
`;

/** Volumes on the machines' own disks: the class `local-path`, which claims get by default, and its provisioner. */
export function localStorageManifests({ localStoragePath, registry }: BundledSettings): readonly BundledManifest[] {
  const config = { nodePathMap: [{ node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths: [localStoragePath] }] };
  const objects: AnyObject[] = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace: NAMESPACE } },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'local-path-provisioner-role' },
      rules: [
        {
          apiGroups: [''],
          resources: ['nodes', 'persistentvolumeclaims', 'configmaps', 'pods/log'],
          verbs: ['get', 'list', 'watch'],
        },
        { apiGroups: [''], resources: ['endpoints', 'persistentvolumes', 'pods'], verbs: ['*'] },
        { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
        { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
      ],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'local-path-provisioner-bind' },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'local-path-provisioner-role' },
      subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }],
    },
    deployment(registry),
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: {
        name: 'local-path',
        annotations: { defaultVolumeType: 'local', 'storageclass.kubernetes.io/is-default-class': 'true' },
      },
      provisioner: 'rancher.io/local-path',
      volumeBindingMode: 'WaitForFirstConsumer',
      reclaimPolicy: 'Delete',
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'local-path-config', namespace: NAMESPACE },
      data: {
        'config.json': `${JSON.stringify(config, null, 2)}\n`,
        setup: SETUP,
        teardown: TEARDOWN,
        'helperPod.yaml': helperPod(registry),
      },
    },
  ];
  return [{ path: 'local-storage.yaml', objects }];
}

function deployment(registry: string | undefined): AnyObject {
  const labels = { app: PROVISIONER };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: PROVISIONER, namespace: NAMESPACE },
    spec: {
      revisionHistoryLimit: 0,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          priorityClassName: 'system-node-critical',
          serviceAccountName: ACCOUNT,
          tolerations: systemTolerations,
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          containers: [
            {
              name: PROVISIONER,
              image: imageAt(registry, images.localPath),
              imagePullPolicy: 'IfNotPresent',
              command: ['local-path-provisioner', 'start', '--config', '/etc/config/config.json'],
              env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
              volumeMounts: [{ name: 'config-volume', mountPath: '/etc/config/' }],
            },
          ],
          volumes: [{ name: 'config-volume', configMap: { name: 'local-path-config' } }],
        },
      },
    },
  };
}
