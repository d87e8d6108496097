import type { Informer } from '../client/informer.ts';
import type { InformerScope, Informers } from '../client/informers.ts';
import type { Job } from '../generated/api/batch/v1.ts';
import type { Node, Pod, Secret } from '../generated/api/core/v1.ts';
import {
  deployments,
  ingresses,
  jobs,
  networkpolicies,
  nodes,
  persistentvolumeclaims,
  poddisruptionbudgets,
  pods,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { type KubeObject, type ObjectKey, type ResourceType, toKeyText } from '../machinery/object/object.ts';
import { type JoinToken, joinTokens } from './api/join-token.ts';
import { type VirtualCluster, virtualClusters } from './api/virtual-cluster.ts';
import { type VirtualClusterBackup, virtualClusterBackups } from './api/virtual-cluster-backup.ts';
import { type VirtualClusterPolicy, virtualClusterPolicies } from './api/virtual-cluster-policy.ts';
import type { HostCache } from './host.ts';

/** What the operator makes for tenants; informers of these keep to objects with its label. */
const ownedTypes: readonly ResourceType<KubeObject>[] = [
  services,
  secrets,
  persistentvolumeclaims,
  networkpolicies,
  ingresses,
  deployments,
  poddisruptionbudgets,
] as readonly ResourceType<KubeObject>[];

const OWNED_SELECTOR = 'app.kubernetes.io/managed-by=warren';
/** Names the tenant that an object was made for. */
export const TENANT_LABEL = 'warren.dev/virtualcluster';

/** The informers of an operator, each started once for each namespace that it serves. */
export interface HostInformers {
  readonly clusters: readonly Informer<VirtualCluster>[];
  readonly backups: readonly Informer<VirtualClusterBackup>[];
  readonly policies: Informer<VirtualClusterPolicy>;
  readonly joinTokens: readonly Informer<JoinToken>[];
  /** Secrets among those that are owned. */
  readonly secrets: readonly Informer<Secret>[];
  readonly owned: readonly Informer<KubeObject>[];
  readonly jobs: readonly Informer<Job>[];
  readonly pods: readonly Informer<Pod>[];
  readonly nodes: Informer<Node>;
  readonly cache: HostCache;
}

/** @param namespaces - Empty: all. */
export function openHostInformers(informers: Informers, namespaces: readonly string[]): HostInformers {
  const scopes: InformerScope[] = namespaces.length === 0 ? [{}] : namespaces.map((namespace) => ({ namespace }));
  const labelSelector = OWNED_SELECTOR;
  const all = <T extends KubeObject>(type: ResourceType<T>, more: InformerScope = {}): Informer<T>[] =>
    scopes.map((scope) => informers.for(type, { ...scope, ...more }));
  const byType = new Map<string, readonly Informer<KubeObject>[]>();
  for (const type of ownedTypes) byType.set(type.plural, all(type, { labelSelector }));
  const owned = [...byType.values()].flat();
  const clusters = all(virtualClusters);
  const backups = all(virtualClusterBackups);
  const tokens = all(joinTokens);
  const jobInformers = all(jobs, { labelSelector });
  const podInformers = all(pods, { labelSelector });
  byType.set(virtualClusters.plural, clusters as unknown as Informer<KubeObject>[]);
  byType.set(virtualClusterBackups.plural, backups as unknown as Informer<KubeObject>[]);
  byType.set(joinTokens.plural, tokens as unknown as Informer<KubeObject>[]);
  byType.set(jobs.plural, jobInformers as unknown as Informer<KubeObject>[]);
  const hostNodes = informers.for(nodes);
  const podsWith = (namespace: string | undefined, label: string, value: string | undefined): Pod[] =>
    podInformers
      .flatMap((informer) => informer.list())
      .filter(({ metadata }) => metadata.namespace === namespace && metadata.labels?.[label] === value);
  const cache: HostCache = {
    get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): T | undefined {
      for (const informer of byType.get(type.plural) ?? []) {
        const found = informer.get(toKeyText(key));
        if (found !== undefined) return found as T;
      }
      return undefined;
    },
    readyNodes: () => hostNodes.list(),
    podsOf: ({ metadata: { namespace, name } }) => podsWith(namespace, TENANT_LABEL, name),
    podsOfJob: ({ metadata: { namespace, name } }) => podsWith(namespace, 'batch.kubernetes.io/job-name', name),
    backupsOf: ({ metadata: { namespace, name } }) =>
      backups
        .flatMap((informer) => informer.list())
        .filter(({ metadata, spec }) => metadata.namespace === namespace && spec.virtualClusterName === name),
  };
  const ownSecrets = (byType.get(secrets.plural) ?? []) as unknown as readonly Informer<Secret>[];
  const policies = informers.for(virtualClusterPolicies);
  return {
    policies,
    clusters,
    backups,
    joinTokens: tokens,
    secrets: ownSecrets,
    owned,
    jobs: jobInformers,
    pods: podInformers,
    nodes: hostNodes,
    cache,
  };
}
