import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/events.ts';
import { referenceTo } from '../client/events.ts';
import type { Informer } from '../client/informer.ts';
import type { InformerScope, Informers } from '../client/informers.ts';
import type { Node, Pod } from '../generated/api/core/v1.ts';
import {
  deployments,
  networkpolicies,
  nodes,
  persistentvolumeclaims,
  poddisruptionbudgets,
  pods,
  secrets,
  services,
} from '../generated/resource-types.ts';
import { type KubeObject, type ObjectKey, type ResourceType, toKeyText } from '../machinery/object/object.ts';
import { runController } from '../reconcile/controller.ts';
import { type Change, onChange, ownKey, type Source } from '../reconcile/sources.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type VirtualCluster, virtualClusters } from './api/virtual-cluster.ts';
import type { HostCache } from './host.ts';
import type { OperatorMetrics } from './metrics.ts';
import { createNameResolver, type ResolveName } from './name-resolver.ts';
import type { OperatorSettings } from './observed.ts';
import { type TenantAccess, VirtualClusterReconciler } from './reconciler.ts';
import { ReferencedSecrets } from './referenced-secrets.ts';
import type { KeySource } from './steps/step.ts';

export interface OperatorOptions {
  /** The host cluster. */
  readonly client: Client;
  readonly informers: Informers;
  readonly events: EventRecorder;
  readonly keys: KeySource;
  readonly tenants: TenantAccess;
  /** Default: the system's resolver. */
  readonly resolve?: ResolveName | undefined;
  readonly metrics?: OperatorMetrics | undefined;
  readonly settings: OperatorSettings;
  /** Namespaces to serve; empty means all. */
  readonly watchNamespaces: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the operator makes for tenants; informers of these keep to objects with its label. */
const ownedTypes: readonly ResourceType<KubeObject>[] = [
  services,
  secrets,
  persistentvolumeclaims,
  networkpolicies,
  deployments,
  poddisruptionbudgets,
] as readonly ResourceType<KubeObject>[];

const OWNED_SELECTOR = 'app.kubernetes.io/managed-by=warren';
const TENANT_LABEL = 'warren.dev/virtualcluster';

/** Reconciles VirtualClusters until aborted. */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { informers, watchNamespaces, clock, logger, events, client, keys, tenants, settings, metrics } = options;
  const scopes: InformerScope[] =
    watchNamespaces.length === 0 ? [{}] : watchNamespaces.map((namespace) => ({ namespace }));
  const clusters = scopes.map((scope) => informers.for(virtualClusters, scope));
  const owned = new Map(
    ownedTypes.map((type) => [
      type.plural,
      scopes.map((scope) => informers.for(type, { ...scope, labelSelector: OWNED_SELECTOR })),
    ]),
  );
  const hostNodes = informers.for(nodes);
  const serverPods = scopes.map((scope) => informers.for(pods, { ...scope, labelSelector: OWNED_SELECTOR }));
  const cache = toHostCache({ clusters, owned, hostNodes, serverPods });
  const reconciler = new VirtualClusterReconciler({
    client,
    cache,
    keys,
    tenants,
    resolve: options.resolve ?? createNameResolver(clock),
    referenced: new ReferencedSecrets(client, clock),
    metrics,
    settings,
    clock,
    logger,
    events: {
      event: (about, type, reason, message) => events.event(referenceTo(virtualClusters, about), type, reason, message),
    },
  });
  const allKeys = (): string[] =>
    clusters.flatMap((informer) =>
      informer.list().map((cluster) => ownKey({ type: 'updated', object: cluster })[0] ?? ''),
    );
  const sources: Source[] = [
    ...clusters.map((informer) => onChange(informer)),
    ...[...owned.values(), serverPods].flat().map((informer) => onChange(informer as Informer<KubeObject>, tenantKey)),
    // Nodes change with each heartbeat; only their addresses and readiness matter to tenants.
    onChange(hostNodes, (change) => (addressesOf(change.object) === addressesOf(change.previous) ? [] : allKeys())),
  ];
  await runController(
    { name: 'virtualcluster', reconciler, sources, workers: 8, clock, logger, metrics: metrics?.controller },
    signal,
  );
}

/** An owned object names its tenant in a label: that also holds for those without an owner, which are retained. */
function tenantKey({ object }: Change<KubeObject>): string[] {
  const name = object.metadata.labels?.[TENANT_LABEL];
  return name === undefined ? [] : [toKeyText({ namespace: object.metadata.namespace, name })];
}

function addressesOf(node: Node | undefined): string {
  if (node === undefined) return '';
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return JSON.stringify([ready, node.status?.addresses]);
}

function toHostCache({
  clusters,
  owned,
  hostNodes,
  serverPods,
}: {
  clusters: readonly Informer<VirtualCluster>[];
  owned: ReadonlyMap<string, readonly Informer<KubeObject>[]>;
  hostNodes: Informer<Node>;
  serverPods: readonly Informer<Pod>[];
}): HostCache {
  return {
    get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): T | undefined {
      const informers: readonly { get(key: string): KubeObject | undefined }[] =
        type.plural === virtualClusters.plural ? clusters : (owned.get(type.plural) ?? []);
      for (const informer of informers) {
        const found = informer.get(toKeyText(key));
        if (found !== undefined) return found as T;
      }
      return undefined;
    },
    readyNodes: () => hostNodes.list(),
    podsOf: ({ metadata: { namespace, name } }) =>
      serverPods
        .flatMap((informer) => informer.list())
        .filter((pod) => pod.metadata.namespace === namespace && pod.metadata.labels?.[TENANT_LABEL] === name),
  };
}
