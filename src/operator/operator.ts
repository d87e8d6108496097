import { type Client, toPath } from '../client/client.ts';
import type { EventRecorder } from '../client/events.ts';
import { referenceTo } from '../client/events.ts';
import type { Informer } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import type { Job } from '../generated/api/batch/v1.ts';
import type { Node } from '../generated/api/core/v1.ts';
import { pods } from '../generated/resource-types.ts';
import { type KubeObject, toKeyText } from '../machinery/object/object.ts';
import { runController } from '../reconcile/controller.ts';
import { type Change, onChange, ownKey, type Source } from '../reconcile/sources.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { virtualClusters } from './api/virtual-cluster.ts';
import type { VirtualClusterBackup } from './api/virtual-cluster-backup.ts';
import type { VirtualClusterPolicy } from './api/virtual-cluster-policy.ts';
import { runBackups } from './backups/controller.ts';
import { BACKUP_LABEL, WORKS_FOR } from './backups/job.ts';
import type { ReadLog } from './backups/job-result.ts';
import { GatewayRoutes } from './gateway-routes.ts';
import { openHostInformers, TENANT_LABEL } from './host-cache.ts';
import { runJoinTokens } from './join-tokens/controller.ts';
import type { OperatorMetrics } from './metrics.ts';
import { createNameResolver, type ResolveName } from './name-resolver.ts';
import type { OperatorSettings } from './observed.ts';
import { runPolicyStatus } from './policies/controller.ts';
import { Policies } from './policies/policies.ts';
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
  /** Default: by the host's API. */
  readonly readLog?: ReadLog | undefined;
  readonly metrics?: OperatorMetrics | undefined;
  readonly settings: OperatorSettings;
  /** Namespaces to serve; empty means all. */
  readonly watchNamespaces: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reconciles VirtualClusters until aborted. */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { informers, watchNamespaces, clock, logger, events, client, keys, tenants, settings, metrics } = options;
  const host = openHostInformers(informers, watchNamespaces);
  const { cache } = host;
  const policies = new Policies({
    client,
    clock,
    informer: host.policies,
    clustersIn: cache.clustersIn,
  });
  const referenced = new ReferencedSecrets(client, clock);
  const { readLog = logReader(client) } = options;
  const reconciler = new VirtualClusterReconciler({
    client,
    cache,
    keys,
    tenants,
    resolve: options.resolve ?? createNameResolver(clock),
    referenced,
    policies,
    routes: new GatewayRoutes(client, clock),
    readLog,
    metrics,
    settings,
    clock,
    logger,
    events: {
      event: (about, type, reason, message) => events.event(referenceTo(virtualClusters, about), type, reason, message),
    },
  });
  const allKeys = (): string[] =>
    host.clusters.flatMap((informer) =>
      informer.list().map((cluster) => ownKey({ type: 'updated', object: cluster })[0] ?? ''),
    );
  const sources: Source[] = [
    ...host.clusters.map((informer) => onChange(informer)),
    ...[...host.owned, ...host.pods].map((informer) => onChange(informer as Informer<KubeObject>, tenantKey)),
    ...host.dispensable.map((informer) => soonSynced(onChange(informer, tenantKey), clock)),
    ...host.jobs.map((informer) => onChange(informer, restoredKey)),
    onceSynced(
      onChange(host.policies, (change) => (specOf(change.object) === specOf(change.previous) ? [] : allKeys())),
    ),
    ...host.backups.map((informer) => onceSynced(onChange(informer, backedUpKey))),
    // Nodes change with each heartbeat; only their addresses and readiness matter to tenants.
    onChange(host.nodes, (change) => (addressesOf(change.object) === addressesOf(change.previous) ? [] : allKeys())),
  ];
  const counts = metrics?.controller;
  await Promise.all([
    runController(
      {
        name: 'virtualcluster',
        reconciler,
        sources,
        workers: 8,
        changesFirst: true,
        clock,
        logger,
        metrics: counts,
      },
      signal,
    ),
    runPolicyStatus({ client, clock, logger }, host, counts, signal),
    runJoinTokens({ client, keys, tenants, settings, clock, logger }, host, { events, metrics: counts }, signal),
    runBackups(
      { client, keys, referenced, readLog, settings, clock, logger },
      host,
      { events, metrics: counts },
      signal,
    ),
  ]);
}

function specOf(policy: VirtualClusterPolicy | undefined): string {
  return JSON.stringify(policy?.spec);
}

/** A kind that the host does not know yet, after an update without its CRDs, holds no tenant up. */
function onceSynced({ start }: Source): Source {
  return { synced: Promise.resolve(), start };
}

/** How long tenants wait for the first list of what they can do without. */
const PATIENCE_MS = 20_000;

function soonSynced({ synced, start }: Source, clock: Clock): Source {
  const patience = new Promise<void>((resolve) => void clock.after(PATIENCE_MS, resolve));
  return { synced: Promise.race([synced, patience]), start };
}

/** Reads logs of pods from the host. */
function logReader(client: Client): ReadLog {
  return async (pod, signal) => {
    const path = toPath(pods, pod.namespace, pod.name, 'log');
    const text = await client.transport.request({ method: 'GET', path, signal });
    return typeof text === 'string' ? text : JSON.stringify(text);
  };
}

/** A restore's Job has the tenant in a label, and no backup that it belongs to. */
function restoredKey({ object: { metadata } }: Change<Job>): string[] {
  const name = metadata.labels?.[WORKS_FOR];
  if (name === undefined || metadata.labels?.[BACKUP_LABEL] !== undefined) return [];
  return [toKeyText({ namespace: metadata.namespace, name })];
}

/** A backup matters to its tenant by how it is. */
function backedUpKey({ object, previous }: Change<VirtualClusterBackup>): string[] {
  const stateOf = (backup: VirtualClusterBackup | undefined): string => JSON.stringify(backup?.status?.conditions);
  if (previous !== undefined && stateOf(object) === stateOf(previous)) return [];
  return [toKeyText({ namespace: object.metadata.namespace, name: object.spec.virtualClusterName })];
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
