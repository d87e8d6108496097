import type { Condition, LabelSelector } from '../../generated/api/meta/v1.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { ExposureType, VirtualClusterSpec } from './virtual-cluster.ts';

export interface VirtualClusterPolicySpec {
  /** VirtualClusters by their labels. Default: all. */
  selector?: LabelSelector;
  /** VirtualClusters by the labels of their namespaces. Default: all. */
  namespaceSelector?: LabelSelector;
  /** Each list that is given names all that is allowed. */
  allowed?: {
    exposures?: (ExposureType | 'Ingress' | 'Gateway')[];
    /** Minor versions, such as `v1.36`. */
    versions?: string[];
    datastores?: ('SQLite' | 'PostgreSQL')[];
  };
  limits?: {
    virtualClustersPerNamespace?: number;
    /** What the server of one tenant may ask for and use at most. */
    resources?: Record<string, string>;
    /** Machines of one tenant. */
    nodes?: number;
  };
  /** What a tenant gets where it says nothing else. */
  defaults?: Pick<NonNullable<VirtualClusterSpec['controlPlane']>, 'resources' | 'podTemplate'>;
}

export interface VirtualClusterPolicyStatus {
  observedGeneration?: number;
  /** VirtualClusters that it is for. */
  matched?: number;
  /** Those that are not as it wants them; the first hundred. */
  violations?: { namespace: string; name: string; reason: string; message: string }[];
  violating?: number;
  conditions?: Condition[];
}

/** What tenants of some namespaces may be, and what they get where they say nothing. */
export interface VirtualClusterPolicy extends KubeObject {
  spec: VirtualClusterPolicySpec;
  status?: VirtualClusterPolicyStatus;
}

export const virtualClusterPolicies: ResourceType<VirtualClusterPolicy> = {
  group: 'warren.dev',
  version: 'v1alpha1',
  kind: 'VirtualClusterPolicy',
  plural: 'virtualclusterpolicies',
  namespaced: false,
};
