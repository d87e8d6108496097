import type { Condition } from '../../generated/api/meta/v1.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import { type BackupStorage, durationMs } from './virtual-cluster-backup.ts';

/** How machines outside reach the tenant's one port. */
export type ExposureType = 'NodePort' | 'LoadBalancer' | 'ClusterIP';

/** A listener of a Gateway. */
export interface ParentRef {
  name: string;
  namespace?: string;
  sectionName?: string;
  port?: number;
}

export interface VirtualClusterSpec {
  /** Kubernetes minor or patch version of the tenant, such as `v1.36`. Default: the operator's own. */
  version?: string;
  /** Server replicas; more than one needs PostgreSQL. Default 1. */
  replicas?: number;
  /** Stops the control plane and keeps its data. */
  suspend?: boolean;
  exposure?: {
    type?: ExposureType;
    /** Addresses or names that machines dial. Default: the ready host nodes (NodePort), the load balancer's addresses, or the cluster IP. */
    hosts?: string[];
    nodePort?: { port?: number };
    /** Put on the Service as they are. */
    annotations?: Record<string, string>;
    loadBalancerClass?: string;
    /** A name by which users reach the API through an Ingress that passes TLS on. */
    ingress?: { host: string; className?: string; annotations?: Record<string, string> };
    /** The same through a Gateway's TLS listener. */
    gateway?: { host: string; parentRefs: ParentRef[] };
    /** Ranges that may come in; empty: anywhere. */
    allowedCIDRs?: string[];
  };
  networking?: {
    podCIDRs?: string[];
    serviceCIDRs?: string[];
    dnsServiceIP?: string;
    clusterDomain?: string;
  };
  tls?: { extraSANs?: string[] };
  datastore?: {
    type?: 'SQLite' | 'PostgreSQL';
    /** Secret in the same namespace with the DSN, and the TLS files of {@link DATASTORE_FILES}; only for PostgreSQL. Default key `endpoint`. */
    secretRef?: { name: string; key?: string };
    /** Only for SQLite. Default 1Gi of the default storage class. */
    persistentVolumeClaim?: { storageClassName?: string; size?: string };
  };
  controlPlane?: {
    /** Further flags of `warren server`. */
    extraArgs?: string[];
    /** Files for them, one for each key, below `/etc/warren/files`. */
    extraFiles?: ExtraFiles[];
    resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
    podTemplate?: {
      metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
      /** Scheduling fields of the pod; containers and security settings are not taken from here. */
      spec?: PodPlacement;
    };
  };
  addons?: { [name in AddonName]?: { enabled?: boolean } };
  deletionPolicy?: 'Delete' | 'Retain';
  nodes?: {
    /** How long a machine may be away until its Node is deleted, such as `30d`; absent: for ever. */
    removeAfter?: string;
    /** A volume with k3s binaries and archives of images, which machines get through the tenant's port. */
    files?: { persistentVolumeClaim: { claimName: string } };
    /** From where machines pull images; they are told when they join, and when they ask again. */
    registries?: Registries;
  };
  /** Makes the tenant, or makes it anew, from a backup: each different value once. */
  restoreFrom?: RestoreFrom;
}

/** One of the two, in the same namespace. */
export interface ExtraFiles {
  configMap?: { name: string };
  secret?: { name: string };
}

/** k3s's `registries.yaml`, with Secrets where that has logins and keys. */
export interface Registries {
  /** By host, or `*` for all others. */
  mirrors?: Record<string, { endpoint?: string[]; rewrite?: Record<string, string> }>;
  /** By host and port. */
  configs?: Record<
    string,
    {
      /** Of type `kubernetes.io/basic-auth` or `kubernetes.io/dockerconfigjson`. */
      auth?: { secretRef: { name: string } };
      tls?: {
        /** Authorities in PEM. */
        ca?: string;
        /** Of type `kubernetes.io/tls`. */
        clientCertificateSecretRef?: { name: string };
        insecureSkipVerify?: boolean;
      };
    }
  >;
}

/** One of `backupName`, and `storage` with `key`. */
export interface RestoreFrom {
  /** A VirtualClusterBackup of the same namespace. */
  backupName?: string;
  storage?: BackupStorage;
  /** As `status.backups` tells it. Default: the newest of `backupName`. */
  key?: string;
  /** A new value restores the same backup once more. */
  again?: string;
}

/** What can be deployed into a tenant: `--disable`'s name for it, and whether it is unless somebody says otherwise. */
export const tenantAddons = {
  coredns: { flag: 'coredns', byDefault: true },
  serviceLB: { flag: 'servicelb', byDefault: true },
  localStorage: { flag: 'local-storage', byDefault: true },
  metricsServer: { flag: 'metrics-server', byDefault: true },
  runtimes: { flag: 'runtimes', byDefault: true },
  // It opens ports on the tenant's machines, whose owner may not want that.
  traefik: { flag: 'traefik', byDefault: false },
} as const;

export type AddonName = keyof typeof tenantAddons;

/** What a user may say of where a tenant's pod runs. */
export interface PodPlacement {
  nodeSelector?: Record<string, string>;
  tolerations?: Record<string, unknown>[];
  affinity?: Record<string, unknown>;
  topologySpreadConstraints?: Record<string, unknown>[];
  priorityClassName?: string;
  imagePullSecrets?: { name: string }[];
  runtimeClassName?: string;
  terminationGracePeriodSeconds?: number;
}

export type Phase = 'Pending' | 'Provisioning' | 'Ready' | 'Degraded' | 'Suspended' | 'Deleting';

export interface VirtualClusterStatus {
  observedGeneration?: number;
  phase?: Phase;
  version?: string;
  conditions?: Condition[];
  /** `https://host:port` of the first advertised address. */
  endpoint?: string;
  /** URL by which users reach the API through an Ingress or a Gateway. */
  publicEndpoint?: string;
  /** SHA-256 of the CA, as it stands in join tokens. */
  caCertHash?: string;
  nodes?: { total: number; ready: number; summary: string };
  kubeconfigSecretRef?: { name: string };
  tokenSecretRef?: { name: string };
  /** The datastore in use. */
  datastore?: string;
  /** Server replicas that are ready. */
  replicas?: number;
  /** The value of {@link ROTATE_TOKEN} that was acted on last. */
  tokenRotation?: string;
  /** The value of {@link ROTATE_CA} that was acted on last. */
  caRotation?: string;
  /** VirtualClusterPolicies that are for it. */
  policies?: string[];
  /** What they do not allow. */
  policyViolations?: { policy: string; reason: string; message: string }[];
  /** The backup that the tenant was made from last. */
  restoredFrom?: string;
}

/** A tenant: one nested cluster whose control plane runs as a pod of the host cluster. */
export interface VirtualCluster extends KubeObject {
  spec: VirtualClusterSpec;
  status?: VirtualClusterStatus;
}

export const virtualClusters: ResourceType<VirtualCluster> = {
  group: 'warren.dev',
  version: 'v1alpha1',
  kind: 'VirtualCluster',
  plural: 'virtualclusters',
  namespaced: true,
};

/** Stops the deletion of a VirtualCluster until what it owns outside of garbage collection is dealt with. */
export const FINALIZER = 'warren.dev/virtualcluster';

/** Annotation of a VirtualCluster: ports of before, with commas, at which it is not to be reached any more. */
export const CLOSE_PORTS = 'warren.dev/close-ports';

/** Annotation of a VirtualCluster: each new value of it asks for a new join token. */
export const ROTATE_TOKEN = 'warren.dev/rotate-token';

/** Annotation of a VirtualCluster: each new value of it asks for new authorities. */
export const ROTATE_CA = 'warren.dev/rotate-ca';

/** Keys of the datastore's Secret that are files of TLS, with the flag that names each to the server. */
export const DATASTORE_FILES = {
  'ca.crt': '--datastore-cafile',
  'tls.crt': '--datastore-certfile',
  'tls.key': '--datastore-keyfile',
} as const;

/** Spec values with every default in place; the CRD's defaults are the same, this serves objects stored before them. */
export function withDefaults(spec: VirtualClusterSpec) {
  return {
    version: spec.version,
    replicas: spec.replicas ?? 1,
    // Scaled to nothing is stopped: the data is kept, and nobody is told that the server does not start.
    suspend: (spec.suspend ?? false) || spec.replicas === 0,
    exposure: {
      type: spec.exposure?.type ?? ('NodePort' as const),
      hosts: spec.exposure?.hosts ?? [],
      port: spec.exposure?.nodePort?.port,
      annotations: spec.exposure?.annotations ?? {},
      loadBalancerClass: spec.exposure?.loadBalancerClass,
      allowedCIDRs: spec.exposure?.allowedCIDRs ?? [],
      ingress: spec.exposure?.ingress,
      gateway: spec.exposure?.gateway,
    },
    networking: {
      podCIDRs: spec.networking?.podCIDRs ?? ['10.42.0.0/16'],
      serviceCIDRs: spec.networking?.serviceCIDRs ?? ['10.43.0.0/16'],
      dnsServiceIP: spec.networking?.dnsServiceIP,
      clusterDomain: spec.networking?.clusterDomain ?? 'cluster.local',
    },
    extraSANs: spec.tls?.extraSANs ?? [],
    datastore: {
      type: spec.datastore?.type ?? ('SQLite' as const),
      secretRef:
        spec.datastore?.secretRef === undefined
          ? undefined
          : { name: spec.datastore.secretRef.name, key: spec.datastore.secretRef.key ?? 'endpoint' },
      storageClassName: spec.datastore?.persistentVolumeClaim?.storageClassName,
      size: spec.datastore?.persistentVolumeClaim?.size ?? '1Gi',
    },
    extraArgs: spec.controlPlane?.extraArgs ?? [],
    extraFiles: spec.controlPlane?.extraFiles ?? [],
    resources: spec.controlPlane?.resources,
    podTemplate: spec.controlPlane?.podTemplate,
    disabledAddons: (Object.keys(tenantAddons) as AddonName[])
      .filter((name) => !(spec.addons?.[name]?.enabled ?? tenantAddons[name].byDefault))
      .map((name) => tenantAddons[name].flag),
    deletionPolicy: spec.deletionPolicy ?? ('Delete' as const),
    agentFilesClaim: spec.nodes?.files?.persistentVolumeClaim.claimName,
    registries: spec.nodes?.registries,
    removeNodesAfterMs: durationMs(spec.nodes?.removeAfter),
  };
}

export type EffectiveSpec = ReturnType<typeof withDefaults>;
