import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { parse, stringify } from 'yaml';
import { commandEnvironment } from './config.ts';
import { type HostOptions, openHost, readCluster, readSecretKey, withHostOptions } from './host.ts';
import { printLine } from './output.ts';

interface Options extends HostOptions {
  readonly into?: string;
}

export function addConnect(program: Command): void {
  withHostOptions(
    program
      .command('connect')
      .argument('<name>')
      .argument('[command...]', 'what to run with the kubeconfig of the tenant, after --')
      .description('run a command with the kubeconfig of a tenant, or make it a context of yours'),
  )
    .option('--into <path>', 'kubeconfig that gets the context and uses it (default: ~/.kube/config)')
    .action(connect);
}

async function connect(name: string, command: string[], options: Options): Promise<void> {
  const host = await openHost(options);
  const text = await readSecretKey(host, await readCluster(host, name), 'kubeconfig', 'kubeconfig.yaml');
  const [program, ...args] = command;
  if (program !== undefined) {
    process.exitCode = await runWith(text, program, args);
    return;
  }
  const path = options.into ?? join(homedir(), '.kube', 'config');
  const context = `warren-${host.namespace}-${name}`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, mergeContext(existsSync(path) ? readFileSync(path, 'utf8') : '', text, context), { mode: 0o600 });
  printLine(`context ${context} is the current one of ${path}; back: kubectl config use-context`);
}

async function runWith(kubeconfig: string, program: string, args: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'warren-connect-'));
  const path = join(folder, 'kubeconfig');
  try {
    writeFileSync(path, kubeconfig, { mode: 0o600 });
    return await new Promise((resolve) => {
      const child = spawn(program, args, { stdio: 'inherit', env: { ...commandEnvironment(), KUBECONFIG: path } });
      child.on('error', (cause: NodeJS.ErrnoException) => {
        process.stderr.write(`warren: ${program} cannot be run: ${cause.message}\n`);
        // As shells say it.
        resolve(cause.code === 'ENOENT' ? 127 : 126);
      });
      child.on('close', (code) => resolve(code ?? 1));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Entry = { name: string; [field: string]: unknown };
interface KubeconfigFile {
  [field: string]: unknown;
  clusters?: Entry[] | null;
  users?: Entry[] | null;
  contexts?: Entry[] | null;
}

/** Puts the tenant's cluster, user and context in place of those of the same name; all else stays. */
export function mergeContext(present: string, tenant: string, context: string): string {
  const file = (parse(present) as KubeconfigFile | null) ?? {};
  const { clusters = [], users = [] } = parse(tenant) as KubeconfigFile;
  const withEntry = (list: Entry[] | null | undefined, entry: Entry): Entry[] => [
    ...(list ?? []).filter(({ name }) => name !== entry.name),
    entry,
  ];
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      ...file,
      clusters: withEntry(file.clusters, { ...clusters?.[0], name: context }),
      users: withEntry(file.users, { ...users?.[0], name: context }),
      contexts: withEntry(file.contexts, { name: context, context: { cluster: context, user: context } }),
      'current-context': context,
    },
    { lineWidth: 0 },
  );
}
