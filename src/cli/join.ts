import { type Command, InvalidArgumentError, Option } from 'commander';
import { secrets } from '../generated/resource-types.ts';
import { toOfflineLine, toTokenOfAnyAge } from '../joining/join-lines.ts';
import { type MachineFiles, parseMachineFiles, toRegistriesScript } from '../joining/registry-files.ts';
import { isAlreadyExists, isNotFound } from '../machinery/errors/status-error.ts';
import { K3S_AGENT_VERSION } from '../machinery/object/version.ts';
import { type JoinToken, type JoinTokenSpec, joinTokens } from '../operator/api/join-token.ts';
import { systemClock } from '../std/clock.ts';
import { type Host, type HostOptions, openHost, readCluster, readSecretKey, withHostOptions } from './host.ts';
import { type JoinParts, toCloudInit, toScript, toSystemdUnit } from './join-forms.ts';
import { printLine, printObject } from './output.ts';
import { UserError } from './user-error.ts';

interface Options extends HostOptions {
  readonly output: (typeof FORMS)[number];
  readonly tokenName?: string;
  readonly ttl?: string;
  readonly maxUses?: number;
  readonly label?: string[];
  readonly taint?: string[];
  readonly description?: string;
}

const FORMS = ['line', 'args', 'json', 'yaml', 'script', 'cloud-init', 'systemd', 'offline', 'registries'] as const;
const TIMEOUT_MS = 30_000;

export function addJoin(program: Command): void {
  withHostOptions(
    program
      .command('join')
      .argument('<name>')
      .description('print the command that joins a machine to a tenant as a node'),
  )
    .addOption(
      new Option(
        '-o, --output <format>',
        'line: for a fresh machine; args: for a k3s that is there; offline: for a machine that reaches the tenant only; registries: a script that writes spec.nodes.registries',
      )
        .choices([...FORMS])
        .default('line'),
    )
    .option('--token-name <name>', "a JoinToken instead of the tenant's own token; made where it is not there")
    .option('--ttl <time>', 'how long a JoinToken that is made is good for, such as 2h (default: 24h)')
    .option('--max-uses <number>', 'how many machines may join with it', toCount)
    .option('--label <key=value...>', 'labels that their nodes get')
    .option('--taint <key=value:effect...>', 'taints that their nodes get')
    .option('--description <text>', 'what it is for')
    .action(join);
}

async function join(name: string, options: Options): Promise<void> {
  const host = await openHost(options);
  const cluster = await readCluster(host, name);
  const wishes = [options.ttl, options.maxUses, options.label, options.taint, options.description];
  if (options.tokenName === undefined && wishes.some((wish) => wish !== undefined))
    throw new UserError('--ttl, --max-uses, --label, --taint and --description need --token-name');
  const read =
    options.tokenName === undefined
      ? (key: string) => readSecretKey(host, cluster, 'token', key)
      : await readToken(host, name, options.tokenName, options);
  const parts: JoinParts = {
    url: (await read('url')).trim(),
    token: (await read('token')).trim(),
    version: K3S_AGENT_VERSION,
    registries: await readRegistries(read),
  };
  const { url, token, registries } = parts;
  const hasRegistries = Object.keys(registries).length > 0;
  switch (options.output) {
    case 'json':
    case 'yaml':
      return printObject(
        { url, token, k3sVersion: parts.version, ...(hasRegistries ? { files: registries } : {}) },
        options.output,
      );
    case 'args':
      if (hasRegistries)
        process.stderr.write(
          `${name} names registries: "warren join ${name} -o registries" prints a script that writes them\n`,
        );
      return printLine(`k3s agent --server '${url}' --token '${toTokenOfAnyAge(token)}'`);
    case 'line':
      return write(await read('join.sh'));
    case 'script':
      return write(toScript(parts));
    case 'cloud-init':
      return write(toCloudInit(parts));
    case 'systemd':
      return write(toSystemdUnit({ ...parts, token: toTokenOfAnyAge(token) }));
    case 'offline':
      return write(toOfflineLine(parts));
    case 'registries':
      return write(toRegistriesScript(registries));
  }
}

/** Absent where an operator of before wrote the Secret. */
async function readRegistries(read: (key: string) => Promise<string>): Promise<MachineFiles> {
  const text = await read('registries.json').catch(() => '{}');
  return parseMachineFiles(text);
}

/** A reader of the JoinToken's Secret, once the token is good. */
async function readToken(
  host: Host,
  cluster: string,
  name: string,
  options: Options,
): Promise<(key: string) => Promise<string>> {
  const key = { namespace: host.namespace, name };
  const spec = toSpec(cluster, options);
  const isNew = await host.client
    .create(joinTokens, { metadata: key, spec } as JoinToken, { fieldManager: 'warren' })
    .then(
      () => true,
      (error: unknown) => {
        if (isAlreadyExists(error)) return false;
        throw error;
      },
    );
  const endMs = systemClock.nowMs() + TIMEOUT_MS;
  for (;;) {
    const token = await host.client.get(joinTokens, key).catch((error: unknown) => {
      if (isNotFound(error)) throw new UserError(`JoinToken ${name} was deleted`, { cause: error });
      throw error;
    });
    if (token.spec.virtualClusterName !== cluster)
      throw new UserError(`JoinToken ${name} is one of ${token.spec.virtualClusterName}: give another --token-name`);
    const { phase, conditions, tokenSecretRef } = token.status ?? {};
    const why = conditions?.[0]?.message;
    if (phase === 'Active' && tokenSecretRef !== undefined) {
      const secret = await host.client.get(secrets, { ...key, name: tokenSecretRef.name });
      return async (field) => Buffer.from(secret.data?.[field] ?? '', 'base64').toString('utf8');
    }
    if (phase !== undefined && phase !== 'Pending')
      throw new UserError(`JoinToken ${name} is ${phase}: ${why}; make another one with another --token-name`);
    if (systemClock.nowMs() > endMs) {
      const what = isNew ? 'was made and is not good yet' : 'is not good';
      throw new UserError(`JoinToken ${name} ${what}: ${why ?? 'the operator has not taken it up; is it running?'}`);
    }
    await new Promise((resolve) => globalThis.setTimeout(resolve, 100));
  }
}

function toSpec(virtualClusterName: string, { ttl, maxUses, label, taint, description }: Options): JoinTokenSpec {
  return {
    virtualClusterName,
    ...(ttl === undefined ? {} : { ttl }),
    ...(maxUses === undefined ? {} : { maxUses }),
    ...(label === undefined ? {} : { nodeLabels: Object.fromEntries(label.map(toLabel)) }),
    ...(taint === undefined ? {} : { nodeTaints: taint.map(toTaint) }),
    ...(description === undefined ? {} : { description }),
  };
}

function toLabel(text: string): [string, string] {
  const [, key, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new UserError(`--label takes key=value, not "${text}"`);
  return [key, value];
}

function toTaint(text: string): NonNullable<JoinTokenSpec['nodeTaints']>[number] {
  const [, key, value, effect] = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? [];
  if (key === undefined || effect === undefined)
    throw new UserError(`--taint takes key=value:NoSchedule (or PreferNoSchedule, NoExecute), not "${text}"`);
  return { key, ...(value === undefined ? {} : { value }), effect: effect as 'NoSchedule' };
}

function write(text: string): void {
  process.stdout.write(text);
}

function toCount(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('give a number from 1.');
  return number;
}
