import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type HostOptions, openHost, readCluster, readSecretKey, withHostOptions } from './host.ts';
import { printLine } from './output.ts';

interface Options extends HostOptions {
  readonly file?: string;
}

export function addKubeconfig(program: Command): void {
  withHostOptions(
    program.command('kubeconfig').argument('<name>').description("print the administrator's kubeconfig of a tenant"),
  )
    .option('-f, --file <path>', 'write it to a file that only you can read')
    .action(kubeconfig);
}

async function kubeconfig(name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  const cluster = await readCluster(host, name);
  const text = await readSecretKey(host, cluster, 'kubeconfig', 'kubeconfig.yaml');
  if (options.file === undefined) {
    process.stdout.write(text);
    return;
  }
  writeFileSync(options.file, text, { mode: 0o600 });
  printLine(`wrote ${options.file}; try: kubectl --kubeconfig ${options.file} get nodes`);
}
