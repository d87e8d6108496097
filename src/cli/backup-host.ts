import { type Command, InvalidArgumentError } from 'commander';
import { isAlreadyExists, isNotFound } from '../machinery/errors/status-error.ts';
import { type RestoreFrom, type VirtualCluster, virtualClusters } from '../operator/api/virtual-cluster.ts';
import {
  BACKUP_NOW,
  type BackupStorage,
  type VirtualClusterBackup,
  virtualClusterBackups,
} from '../operator/api/virtual-cluster-backup.ts';
import { systemClock } from '../std/clock.ts';
import { toSeconds } from './create.ts';
import { type Host, type HostOptions, openHost, readCluster, withHostOptions } from './host.ts';
import { formatAge, outputOption, printLine, printObject, printTable } from './output.ts';
import { UserError } from './user-error.ts';
import { isReady, waitFor } from './wait.ts';

interface CreateOptions extends HostOptions {
  readonly name?: string;
  readonly schedule?: string;
  readonly timeZone?: string;
  readonly keepLast?: number;
  readonly maxAge?: string;
  readonly claim?: string;
  readonly size?: string;
  readonly s3Endpoint?: string;
  readonly s3Bucket?: string;
  readonly s3Prefix?: string;
  readonly s3Region?: string;
  readonly s3Secret?: string;
  readonly wait: boolean;
  readonly timeout: number;
}

/** `warren backup create|list|restore`: backups that the operator makes, beside the copy of a local data folder. */
export function addHostBackups(backup: Command): void {
  withHostOptions(
    backup
      .command('create')
      .argument('<name>', 'the VirtualCluster')
      .description('let the operator back a tenant up, once or by a schedule; or once more now'),
  )
    .option('--name <name>', 'name of the VirtualClusterBackup (default: that of the tenant)')
    .option('--schedule <cron>', 'such as "0 3 * * *" (default: once)')
    .option('--time-zone <zone>', 'of the schedule, such as Europe/Berlin')
    .option('--keep-last <number>', 'how many to keep', toCount)
    .option('--max-age <time>', 'how long to keep them, such as 30d')
    .option('--claim <name>', 'PersistentVolumeClaim that takes them')
    .option('--size <size>', 'size of a claim that is made for them, such as 10Gi')
    .option('--s3-endpoint <url>', 'URL of an S3-compatible service that takes them')
    .option('--s3-bucket <name>', 'its bucket')
    .option('--s3-prefix <prefix>', 'what keys begin with')
    .option('--s3-region <name>', 'region that requests are signed for')
    .option('--s3-secret <name>', 'Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
    .option('--no-wait', 'return at once')
    .option('--timeout <seconds>', 'seconds to wait', toSeconds, 300)
    .action(createBackup);
  withHostOptions(backup.command('list').argument('[name]', 'a VirtualCluster').description('show backups of tenants'))
    .option('-A, --all-namespaces', 'those of all namespaces')
    .addOption(outputOption())
    .action(listBackups);
  withHostOptions(
    backup
      .command('restore')
      .argument('<name>', 'the VirtualCluster, which is made where it is not there')
      .description('make a tenant from a backup that the operator keeps'),
  )
    .requiredOption('--from <name>', 'the VirtualClusterBackup')
    .option('--key <key>', 'which of its backups (default: the newest)')
    .option('--replace', 'put the state of a tenant that is there back to that of the backup')
    .option('--timeout <seconds>', 'seconds to wait', toSeconds, 300)
    .action(restoreBackup);
}

async function createBackup(tenant: string, options: CreateOptions): Promise<void> {
  const host = await openHost(options);
  const { spec } = await readCluster(host, tenant);
  const name = options.name ?? tenant;
  const key = { namespace: host.namespace, name };
  const storage = toStorage(options);
  const before = await readBackup(host, name);
  if (storage === undefined) {
    if (before === undefined)
      throw new UserError(
        'say where backups are kept: --claim, --size, or --s3-endpoint with --s3-bucket and --s3-secret',
      );
    const annotations = { [BACKUP_NOW]: new Date(systemClock.nowMs()).toISOString() };
    const options2 = { type: 'merge', fieldManager: 'warren' } as const;
    await host.client.patch(virtualClusterBackups, key, { metadata: { annotations } }, options2);
  } else {
    const object: VirtualClusterBackup = {
      metadata: key,
      spec: { virtualClusterName: tenant, ...toSpec(options), storage },
    };
    try {
      await host.client.create(virtualClusterBackups, object, { fieldManager: 'warren' });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      throw new UserError(
        `a VirtualClusterBackup ${name} is there already: give another --name, or no storage for one more now`,
        {
          cause: error,
        },
      );
    }
  }
  const isOnce = storage === undefined || options.schedule === undefined;
  if (!options.wait || !isOnce)
    return printLine(`virtualclusterbackup/${name} ${storage ? 'created' : 'asked for one more'}`);
  if (spec.suspend)
    throw new UserError(
      `virtualclusterbackup/${name} waits: ${tenant} is suspended, and nothing of it changes until it is resumed`,
    );
  const made = await untilMade(host, name, before, options.timeout);
  printLine(
    `virtualclusterbackup/${name} made ${made.key}, ${(made.bytes / 1e6).toFixed(1)} MB; it holds the tenant's keys`,
  );
}

function toSpec({ schedule, timeZone, keepLast, maxAge }: CreateOptions): object {
  const retention = {
    ...(keepLast === undefined ? {} : { keepLast }),
    ...(maxAge === undefined ? {} : { maxAge }),
  };
  return {
    ...(schedule === undefined ? {} : { schedule }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(Object.keys(retention).length === 0 ? {} : { retention }),
  };
}

function toStorage(options: CreateOptions): BackupStorage | undefined {
  const { claim, size, s3Endpoint: endpoint, s3Bucket: bucket, s3Secret, s3Prefix: prefix, s3Region: region } = options;
  if (claim !== undefined) return { persistentVolumeClaim: { claimName: claim } };
  if (size !== undefined) return { persistentVolumeClaim: { size } };
  if (endpoint === undefined) return undefined;
  if (bucket === undefined || s3Secret === undefined)
    throw new UserError('--s3-endpoint needs --s3-bucket and --s3-secret');
  return {
    s3: {
      endpoint,
      bucket,
      credentialsSecretRef: { name: s3Secret },
      ...(prefix === undefined ? {} : { prefix }),
      ...(region === undefined ? {} : { region }),
    },
  };
}

async function untilMade(host: Host, name: string, before: VirtualClusterBackup | undefined, timeoutSeconds: number) {
  const endMs = systemClock.nowMs() + timeoutSeconds * 1000;
  const failedAt = before?.status?.lastFailure?.time;
  for (;;) {
    const { status } = (await readBackup(host, name)) ?? {};
    const { lastBackup, lastFailure } = status ?? {};
    if (lastBackup !== undefined && lastBackup.key !== before?.status?.lastBackup?.key) return lastBackup;
    if (lastFailure !== undefined && lastFailure.time !== failedAt) throw new UserError(lastFailure.message);
    if (systemClock.nowMs() > endMs) {
      const why = status?.conditions?.find(({ type }) => type === 'Healthy')?.message;
      throw new UserError(
        `no backup after ${timeoutSeconds} s: ${why ?? 'the operator has not taken it up; is it running?'}`,
      );
    }
    await new Promise((resolve) => globalThis.setTimeout(resolve, 200));
  }
}

async function readBackup(host: Host, name: string): Promise<VirtualClusterBackup | undefined> {
  try {
    return await host.client.get(virtualClusterBackups, { namespace: host.namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function listBackups(
  tenant: string | undefined,
  options: HostOptions & { readonly allNamespaces?: boolean; readonly output?: 'json' | 'yaml' },
): Promise<void> {
  const host = await openHost(options);
  const { items } = await host.client.list(
    virtualClusterBackups,
    options.allNamespaces ? {} : { namespace: host.namespace },
  );
  const found = items.filter(({ spec }) => tenant === undefined || spec.virtualClusterName === tenant);
  if (options.output !== undefined) return printObject(found, options.output);
  const nowMs = systemClock.nowMs();
  const rows = found.flatMap(({ metadata, spec, status }) => {
    const kept = status?.backups ?? [];
    const first = [metadata.name ?? '', spec.virtualClusterName, status?.phase ?? 'Pending'];
    if (kept.length === 0) return [[...first, '<none>', '', '']];
    return kept.map(({ key, bytes, time }) => [...first, key, `${(bytes / 1e6).toFixed(1)}MB`, formatAge(time, nowMs)]);
  });
  if (rows.length === 0) return printLine('no backups: "warren backup create NAME" makes one');
  printTable(['NAME', 'CLUSTER', 'STATUS', 'BACKUP', 'SIZE', 'AGE'], rows);
}

async function restoreBackup(
  name: string,
  options: HostOptions & {
    readonly from: string;
    readonly key?: string;
    readonly replace?: boolean;
    readonly timeout: number;
  },
): Promise<void> {
  const host = await openHost(options);
  if ((await readBackup(host, options.from)) === undefined)
    throw new UserError(`there is no VirtualClusterBackup "${options.from}": "warren backup list" shows all`);
  const again = new Date(systemClock.nowMs()).toISOString();
  const restoreFrom: RestoreFrom = {
    backupName: options.from,
    ...(options.key === undefined ? {} : { key: options.key }),
    again,
  };
  const key = { namespace: host.namespace, name };
  if (options.replace) {
    await readCluster(host, name);
    const patch = { spec: { restoreFrom: { storage: null, key: null, ...restoreFrom } } };
    await host.client.patch(virtualClusters, key, patch, { type: 'merge', fieldManager: 'warren' });
  } else {
    const object: VirtualCluster = { metadata: key, spec: { restoreFrom } };
    try {
      await host.client.create(virtualClusters, object, { fieldManager: 'warren' });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      throw new UserError(`${name} is there already: give --replace to put its state back to that of the backup`, {
        cause: error,
      });
    }
  }
  const restored = await waitFor(host, name, {
    what: 'restored',
    timeoutSeconds: options.timeout,
    isTrue: (cluster) => {
      const ready = cluster.status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready?.reason === 'RestoreFailed') throw new UserError(ready.message ?? 'the restore failed');
      return isReady(cluster) && cluster.status?.restoredFrom !== undefined;
    },
  });
  printLine(`virtualcluster/${name} is ready as it was in ${restored.status?.restoredFrom}`);
}

function toCount(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('give a number from 1.');
  return number;
}
