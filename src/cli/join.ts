import { type Command, Option } from 'commander';
import { K3S_AGENT_VERSION } from '../machinery/object/version.ts';
import { type HostOptions, openHost, readCluster, readSecretKey, withHostOptions } from './host.ts';
import { printLine, printObject } from './output.ts';

interface Options extends HostOptions {
  readonly output?: 'line' | 'args' | 'json' | 'yaml';
}

export function addJoin(program: Command): void {
  withHostOptions(
    program
      .command('join')
      .argument('<name>')
      .description('print the command that joins a machine to a tenant as a node'),
  )
    .addOption(
      new Option('-o, --output <format>', 'line: for a fresh machine; args: for a k3s that is there')
        .choices(['line', 'args', 'json', 'yaml'])
        .default('line'),
    )
    .action(join);
}

async function join(name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  const cluster = await readCluster(host, name);
  const url = await readSecretKey(host, cluster, 'token', 'url');
  const token = await readSecretKey(host, cluster, 'token', 'token');
  switch (options.output) {
    case 'json':
    case 'yaml':
      return printObject({ url, token, k3sVersion: K3S_AGENT_VERSION }, options.output);
    case 'args':
      return printLine(`k3s agent --server '${url}' --token '${token}'`);
    default:
      process.stdout.write(await readSecretKey(host, cluster, 'token', 'join.sh'));
  }
}
