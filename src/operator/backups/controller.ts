import type { EventRecorder } from '../../client/events.ts';
import { referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import { type KubeObject, toKeyText } from '../../machinery/object/object.ts';
import { type ControllerMetrics, runController } from '../../reconcile/controller.ts';
import { onChange, untilSynced } from '../../reconcile/sources.ts';
import { virtualClusterBackups } from '../api/virtual-cluster-backup.ts';
import type { HostInformers } from '../host-cache.ts';
import { BACKUP_LABEL } from './job.ts';
import { type BackupDeps, BackupReconciler } from './reconciler.ts';

/** Makes backups until aborted. */
export async function runBackups(
  deps: Omit<BackupDeps, 'cache' | 'event' | 'jobsOf'>,
  host: HostInformers,
  { events, metrics }: { readonly events: EventRecorder; readonly metrics: ControllerMetrics | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = deps;
  const reconciler = new BackupReconciler({
    ...deps,
    cache: host.cache,
    jobsOf: (backup) => host.cache.jobsOf(backup),
    event: (about, type, reason, message) =>
      events.event(referenceTo(virtualClusterBackups, about), type, reason, message),
  });
  const sources = [
    ...host.backups.map((informer) => onChange(informer)),
    // Access to a tenant that is left over is taken away.
    ...host.secrets.map((informer) =>
      onChange(informer, ({ object, type }) => (type === 'added' ? keysOf(object) : [])),
    ),
    ...host.jobs.map((informer) => onChange(informer, ({ object }) => keysOf(object))),
    ...[...host.owned, ...host.pods].map((informer) => untilSynced(informer as Informer<KubeObject>)),
    // A backup that waits for its tenant goes on once that is ready.
    ...host.clusters.map((informer) =>
      onChange(informer, ({ object, previous }) =>
        object.status?.phase === previous?.status?.phase
          ? []
          : host.cache
              .backupsOf(object)
              .map(({ metadata }) => toKeyText({ namespace: metadata.namespace, name: metadata.name ?? '' })),
      ),
    ),
  ];
  await runController(
    { name: 'virtualclusterbackup', reconciler, sources, workers: 2, clock, logger, metrics },
    signal,
  );
}

/** What is made for a backup names it in a label. */
function keysOf({ metadata }: KubeObject): string[] {
  const name = metadata.labels?.[BACKUP_LABEL];
  return name === undefined ? [] : [toKeyText({ namespace: metadata.namespace, name })];
}
