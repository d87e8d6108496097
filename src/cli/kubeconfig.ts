import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { type HostOptions, openHost, readCluster, readSecretKey, withHostOptions } from './host.ts';
import { printLine } from './output.ts';
import { UserError } from './user-error.ts';

interface Options extends HostOptions {
  readonly file?: string;
  readonly user?: string;
  readonly group: string[];
  readonly ttl: number;
}

const HOUR_MS = 3600 * 1000;
const UNITS_MS: Record<string, number> = { m: 60_000, h: HOUR_MS, d: 24 * HOUR_MS };

export function addKubeconfig(program: Command): void {
  withHostOptions(
    program
      .command('kubeconfig')
      .argument('<name>')
      .description("print the administrator's kubeconfig of a tenant, or that of another user"),
  )
    .option('-f, --file <path>', 'write it to a file that only you can read')
    .option('--user <name>', 'a user who gets rights by RBAC in the tenant (default: the administrator)')
    .option('--group <name...>', 'groups of the user', [])
    .option('--ttl <time>', 'how long it is good for, such as 30m, 8h or 7d', toMs, 24 * HOUR_MS)
    .action(kubeconfig);
}

async function kubeconfig(name: string, options: Options): Promise<void> {
  const { user, group: groups, ttl: ttlMs } = options;
  if (user === undefined && groups.length > 0)
    throw new UserError('--group needs --user: the administrator has a group');
  const host = await openHost(options);
  const cluster = await readCluster(host, name);
  const text =
    user === undefined
      ? await readSecretKey(host, cluster, 'kubeconfig', 'kubeconfig.yaml')
      : await (await import('./user-kubeconfig.ts')).userKubeconfig(
          host,
          { name, endpoint: cluster.status?.publicEndpoint || cluster.status?.endpoint },
          { name: user, groups, ttlMs },
        );
  if (options.file === undefined) {
    process.stdout.write(text);
    return;
  }
  writeFileSync(options.file, text, { mode: 0o600 });
  printLine(`wrote ${options.file}; try: kubectl --kubeconfig ${options.file} get nodes`);
}

function toMs(text: string): number {
  const [, count = '', unit = ''] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS_MS[unit] ?? 0);
  if (!(ms > 0) || ms > 3650 * 24 * HOUR_MS) throw new InvalidArgumentError('give a time such as 30m, 8h or 7d.');
  return ms;
}
