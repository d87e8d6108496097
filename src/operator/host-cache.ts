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
import { BACKUP_LABEL } from './backups/job.ts';
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

/** Where these cannot be seen, since a right is missing, tenants are looked after all the same. */
const dispensableTypes = [ingresses, poddisruptionbudgets];

const OWNED_SELECTOR = 'app.kubernetes.io/managed-by=warren';
/** Names the tenant that an object was made for. */
export const TENANT_LABEL = 'warren.dev/virtualcluster';
/** Upstream's, on the pods of a Job. */
const JOB_LABEL = 'batch.kubernetes.io/job-name';
/** Name of the index of what names a tenant in its spec. */
const OF_TENANT = 'tenant';

/** The informers of an operator, each started once for each namespace that it serves. */
export interface HostInformers {
  readonly clusters: readonly Informer<VirtualCluster>[];
  readonly backups: readonly Informer<VirtualClusterBackup>[];
  readonly policies: Informer<VirtualClusterPolicy>;
  readonly joinTokens: readonly Informer<JoinToken>[];
  /** Secrets among those that are owned. */
  readonly secrets: readonly Informer<Secret>[];
  readonly owned: readonly Informer<KubeObject>[];
  /** Of those that tenants can do without. */
  readonly dispensable: readonly Informer<KubeObject>[];
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
  const dispensable = dispensableTypes.flatMap(({ plural }) => byType.get(plural) ?? []);
  const owned = [...byType.values()].flat().filter((informer) => !dispensable.includes(informer));
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
  for (const informer of [...podInformers, ...jobInformers]) {
    informer.addIndex(TENANT_LABEL, byLabel(TENANT_LABEL));
    informer.addIndex(JOB_LABEL, byLabel(JOB_LABEL));
    informer.addIndex(BACKUP_LABEL, byLabel(BACKUP_LABEL));
  }
  for (const informer of [...backups, ...tokens])
    informer.addIndex(OF_TENANT, ({ metadata, spec }: VirtualClusterBackup | JoinToken) => [
      toKeyText({ namespace: metadata.namespace, name: spec.virtualClusterName }),
    ]);
  const found = <T extends KubeObject>(
    all: readonly Informer<T>[],
    index: string,
    { metadata: { namespace, name = '' } }: KubeObject,
  ): T[] => all.flatMap((informer) => informer.byIndex(index, toKeyText({ namespace, name })));
  const cache: HostCache = {
    get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): T | undefined {
      for (const informer of byType.get(type.plural) ?? []) {
        const found = informer.get(toKeyText(key));
        if (found !== undefined) return found as T;
      }
      return undefined;
    },
    readyNodes: () => hostNodes.list(),
    podsOf: (cluster) => found(podInformers, TENANT_LABEL, cluster),
    podsOfJob: (job) => found(podInformers, JOB_LABEL, job),
    backupsOf: (cluster) => found(backups, OF_TENANT, cluster),
    joinTokensOf: (cluster) => found(tokens, OF_TENANT, cluster),
    jobsOf: (backup) => found(jobInformers, BACKUP_LABEL, backup),
    clustersIn: (namespace) => clusters.flatMap((informer) => informer.list(namespace)),
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
    dispensable,
    jobs: jobInformers,
    pods: podInformers,
    nodes: hostNodes,
    cache,
  };
}

/** Finds objects by what a label of theirs names in their namespace. */
function byLabel(label: string): (object: KubeObject) => string[] {
  return ({ metadata: { namespace, labels } }) => {
    const name = labels?.[label];
    return name === undefined ? [] : [toKeyText({ namespace, name })];
  };
}
