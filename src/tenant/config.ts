import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { images } from '../addons/bundled/images.ts';
import { type ApiServerFlags, parseApiServerFlags } from '../apiserver/flags.ts';
import { type ControllerFlags, parseControllerFlags } from '../controllers/flags.ts';
import type { TlsFiles } from '../datastore/postgres/settings.ts';
import { parseJoinToken } from '../pki/join-token.ts';
import { parseSchedulerFlags } from '../scheduler/flags.ts';
import { formatIp, parseCidr } from '../std/cidr.ts';
import type { LogLevel } from '../telemetry/logger.ts';
import { EGRESS_MODES, type EgressMode } from '../tunnel/egress-mode.ts';

/** A flag or a setting that cannot be used: one line, with what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** How one tenant runs. Names of flags are k3s's where the meaning is the same. */
export interface TenantConfig {
  readonly dataDir: string;
  readonly bindAddress: string;
  readonly port: number;
  /** Ports of before, at which machines may still look for the server. */
  readonly formerPorts?: readonly number[];
  /** Addresses under which machines reach the server; the first is the one that is shown. */
  readonly advertiseAddresses: readonly string[];
  readonly tlsSans: readonly string[];
  /** Address at which other servers of the same cluster reach this one. */
  readonly peerAddress: string;
  /** Port for them; 0 picks a free one. Opened where the datastore is one that servers share. */
  readonly peerPort: number;
  /** JSON file with addresses and names, which come instead of the addresses above and beside the names; it is followed. */
  readonly endpointFile?: string | undefined;
  /** Password or full token; undefined: the stored one, or a new one. */
  readonly token: string | undefined;
  readonly agentToken: string | undefined;
  readonly clusterCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  readonly nodePorts: string;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly datastoreEndpoint: string;
  /** Keeps Secrets encrypted from now on. Default: as the data folder or the datastore has it. */
  readonly encryptsSecrets?: boolean;
  /** An EncryptionConfiguration, in YAML or JSON, instead of the one that the data folder or the datastore has. */
  readonly encryptionConfigFile?: string | undefined;
  /** Whether a change of that file counts at once. */
  readonly reloadsEncryption?: boolean;
  /** PEM files for the connection to PostgreSQL. */
  readonly tlsFiles?: TlsFiles;
  readonly kubeconfigPath: string | undefined;
  readonly kubeconfigMode: number;
  readonly disabled: readonly string[];
  /** Where volumes of the class `local-path` lie on the machines. */
  readonly localStoragePath: string;
  /** Image of the Jobs that install Helm charts. */
  readonly helmJobImage: string;
  /** How the server itself reaches the world, for those Jobs. */
  readonly proxyEnv: Readonly<Record<string, string>>;
  /** Folder with the cluster's authorities, such as a mounted Secret; undefined: below the data folder. */
  readonly pkiDir: string | undefined;
  /** Folder with k3s binaries and archives of images for machines that reach nothing else. */
  readonly agentFiles?: string | undefined;
  /** JSON object of files by path that machines get to know registries by; read each time that one asks. */
  readonly agentRegistries?: string | undefined;
  readonly flannelBackend: string;
  /** What agents let the server reach through their tunnels. */
  readonly egressMode: EgressMode;
  /** Registry from which images of add-ons and pods' sandboxes come, as `host/path`; empty: their own. */
  readonly systemDefaultRegistry: string;
  /** What is said to kube-apiserver. */
  readonly apiServerFlags?: ApiServerFlags;
  /** What is said to kube-controller-manager. */
  readonly controllerFlags?: ControllerFlags;
  /** A KubeSchedulerConfiguration, in YAML or JSON. */
  readonly schedulerConfigFile?: string;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
}

const flags = {
  'data-dir': { type: 'string', short: 'd' },
  'bind-address': { type: 'string' },
  'https-listen-port': { type: 'string' },
  'former-listen-port': { type: 'string', multiple: true },
  'advertise-address': { type: 'string' },
  'node-external-ip': { type: 'string', multiple: true },
  'tls-san': { type: 'string', multiple: true },
  'endpoint-file': { type: 'string' },
  'peer-address': { type: 'string' },
  'peer-port': { type: 'string' },
  token: { type: 'string', short: 't' },
  'token-file': { type: 'string' },
  'agent-token': { type: 'string' },
  'cluster-cidr': { type: 'string', multiple: true },
  'service-cidr': { type: 'string', multiple: true },
  'service-node-port-range': { type: 'string' },
  'cluster-dns': { type: 'string', multiple: true },
  'cluster-domain': { type: 'string' },
  'datastore-endpoint': { type: 'string' },
  'secrets-encryption': { type: 'boolean' },
  'encryption-provider-config': { type: 'string' },
  'encryption-provider-config-automatic-reload': { type: 'boolean' },
  'datastore-cafile': { type: 'string' },
  'datastore-certfile': { type: 'string' },
  'datastore-keyfile': { type: 'string' },
  'write-kubeconfig': { type: 'string', short: 'o' },
  'write-kubeconfig-mode': { type: 'string' },
  disable: { type: 'string', multiple: true },
  'disable-cloud-controller': { type: 'boolean' },
  'disable-helm-controller': { type: 'boolean' },
  'default-local-storage-path': { type: 'string' },
  'helm-job-image': { type: 'string' },
  'pki-dir': { type: 'string' },
  'agent-files': { type: 'string' },
  'agent-registries': { type: 'string' },
  'flannel-backend': { type: 'string' },
  'egress-selector-mode': { type: 'string' },
  'system-default-registry': { type: 'string' },
  'disable-kube-proxy': { type: 'boolean' },
  'disable-network-policy': { type: 'boolean' },
  'kube-apiserver-arg': { type: 'string', multiple: true },
  'kube-controller-manager-arg': { type: 'string', multiple: true },
  'kube-scheduler-arg': { type: 'string', multiple: true },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  /** Accepted for k3s's sake: the server never hosts a node. */
  'disable-agent': { type: 'boolean' },
} as const satisfies ParseArgsConfig['options'];

/** Source: helm-controller `pkg/controllers/chart/chart.go` (setProxyEnv). */
const proxyNames = ['all_proxy', 'http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);

/** Names of all flags, for help and completion. */
export const TENANT_FLAGS: readonly string[] = Object.keys(flags);

/** Reads the flags of `warren server`, with the environment behind them. @throws ConfigError */
export function readTenantConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): TenantConfig {
  const values = parse(args);
  const list = (
    name:
      | 'node-external-ip'
      | 'tls-san'
      | 'cluster-cidr'
      | 'service-cidr'
      | 'cluster-dns'
      | 'disable'
      | 'former-listen-port',
  ): string[] =>
    (values[name] ?? [])
      .flatMap((text) => text.split(','))
      .map((text) => text.trim())
      .filter((text) => text !== '');
  const external = list('node-external-ip');
  const advertised = values['advertise-address'] === undefined ? external : [values['advertise-address'], ...external];
  for (const address of advertised) {
    if (isIP(address) === 0)
      throw new ConfigError(
        `--advertise-address and --node-external-ip take IP addresses, and "${address}" is none: put names into --tls-san`,
      );
  }
  const serviceCidrs = orDefault(list('service-cidr'), ['10.43.0.0/16']).map(toCidr);
  const clusterCidrs = orDefault(list('cluster-cidr'), ['10.42.0.0/16']).map(toCidr);
  checkFamilies(clusterCidrs, serviceCidrs);
  const clusterDns = orDefault(
    list('cluster-dns'),
    serviceCidrs.map((cidr) => addressAt(cidr, 10n)),
  );
  for (const address of clusterDns)
    if (isIP(address) === 0) throw new ConfigError(`--cluster-dns takes IP addresses, and "${address}" is none`);
  const bindAddress = values['bind-address'] ?? '0.0.0.0';
  const registry = toRegistry(values['system-default-registry'] ?? env['K3S_SYSTEM_DEFAULT_REGISTRY'] ?? '');
  return {
    dataDir: resolve(values['data-dir'] ?? '/var/lib/warren'),
    bindAddress,
    port: toPort(values['https-listen-port'] ?? '6443', '--https-listen-port'),
    advertiseAddresses: advertised.length > 0 ? [...new Set(advertised)] : [ownAddress()],
    formerPorts: list('former-listen-port').map((text) => toPort(text, '--former-listen-port')),
    tlsSans: list('tls-san'),
    ...toPeerPlace({
      bindAddress,
      address: values['peer-address'] ?? (env['WARREN_PEER_ADDRESS'] || undefined),
      port: values['peer-port'],
    }),
    endpointFile: values['endpoint-file'],
    token: checkToken(
      readToken(values.token ?? env['K3S_TOKEN'], values['token-file'] ?? env['K3S_TOKEN_FILE']),
      '--token',
    ),
    agentToken: checkToken(values['agent-token'] ?? env['K3S_AGENT_TOKEN'], '--agent-token'),
    clusterCidrs,
    serviceCidrs,
    nodePorts: toPortRange(values['service-node-port-range'] ?? '30000-32767'),
    clusterDns,
    clusterDomain: values['cluster-domain'] ?? 'cluster.local',
    datastoreEndpoint:
      values['datastore-endpoint'] ?? env['WARREN_DATASTORE_ENDPOINT'] ?? env['K3S_DATASTORE_ENDPOINT'] ?? '',
    encryptsSecrets: values['secrets-encryption'] === true,
    ...toEncryptionFile(values),
    tlsFiles: {
      caFile: values['datastore-cafile'] ?? env['K3S_DATASTORE_CAFILE'],
      certFile: values['datastore-certfile'] ?? env['K3S_DATASTORE_CERTFILE'],
      keyFile: values['datastore-keyfile'] ?? env['K3S_DATASTORE_KEYFILE'],
    },
    kubeconfigPath: values['write-kubeconfig'] ?? env['K3S_KUBECONFIG_OUTPUT'],
    kubeconfigMode: toMode(values['write-kubeconfig-mode'] ?? env['K3S_KUBECONFIG_MODE'] ?? '600'),
    disabled: [
      ...list('disable'),
      ...(values['disable-cloud-controller'] ? ['cloud-controller'] : []),
      ...(values['disable-kube-proxy'] ? ['kube-proxy'] : []),
      ...(values['disable-network-policy'] ? ['network-policy'] : []),
      ...(values['disable-helm-controller'] ? ['helm-controller'] : []),
    ],
    localStoragePath: values['default-local-storage-path'] ?? '/var/lib/rancher/k3s/storage',
    helmJobImage: values['helm-job-image'] ?? (registry === '' ? '' : `${registry}/`) + images.helm,
    proxyEnv: Object.fromEntries(proxyNames.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
    pkiDir: values['pki-dir'],
    agentFiles: values['agent-files'],
    agentRegistries: values['agent-registries'],
    flannelBackend: values['flannel-backend'] ?? 'vxlan',
    egressMode: oneOf(values['egress-selector-mode'] ?? 'cluster', EGRESS_MODES, '--egress-selector-mode'),
    systemDefaultRegistry: registry,
    ...toComponentFlags(values),
    logLevel: oneOf(values['log-level'] ?? 'info', ['debug', 'info', 'warn', 'error'], '--log-level'),
    logFormat: oneOf(values['log-format'] ?? 'text', ['text', 'json'], '--log-format'),
  };
}

function toEncryptionFile(values: ReturnType<typeof parse>) {
  const file = values['encryption-provider-config'];
  const reloadsEncryption = values['encryption-provider-config-automatic-reload'] === true;
  if (file !== undefined && values['secrets-encryption'] === true)
    throw new ConfigError('--encryption-provider-config and --secrets-encryption exclude each other: give one of them');
  if (file === undefined && reloadsEncryption)
    throw new ConfigError('--encryption-provider-config-automatic-reload needs --encryption-provider-config');
  return file === undefined ? {} : { encryptionConfigFile: resolve(file), reloadsEncryption };
}

/** Where other servers find this one: by default at the address that it listens on. */
function toPeerPlace(given: { bindAddress: string; address: string | undefined; port: string | undefined }) {
  const { bindAddress, address, port } = given;
  if (address !== undefined && isIP(address) === 0)
    throw new ConfigError(`--peer-address takes the IP address of this machine or pod, and "${address}" is none`);
  const isAny = isIP(bindAddress) === 0 || bindAddress === '0.0.0.0' || bindAddress === '::';
  return {
    peerAddress: address ?? (isAny ? ownAddress() : bindAddress),
    peerPort: port === undefined || port === '0' ? 0 : toPort(port, '--peer-port'),
  };
}

/** Today's agents end at once where the ranges of pods and services begin with different families. */
function checkFamilies([pods = '']: readonly string[], [services = '']: readonly string[]): void {
  const isIpv6 = (cidr: string): boolean => cidr.includes(':');
  if (isIpv6(pods) !== isIpv6(services))
    throw new ConfigError(
      `--cluster-cidr ${pods} and --service-cidr ${services} are of different families: begin both with IPv4 or IPv6`,
    );
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    const message = (cause as Error).message.split('. ')[0];
    throw new ConfigError(`${message}: "warren server --help" lists all flags`, { cause });
  }
}

/** What is said to the programs whose work the server does. */
function toComponentFlags(values: ReturnType<typeof parse>) {
  const { configFile } = readFlags('kube-scheduler-arg', parseSchedulerFlags);
  return {
    apiServerFlags: readFlags('kube-apiserver-arg', parseApiServerFlags),
    controllerFlags: readFlags('kube-controller-manager-arg', parseControllerFlags),
    ...(configFile === undefined ? {} : { schedulerConfigFile: resolve(configFile) }),
  };

  function readFlags<Flags>(
    flag: 'kube-apiserver-arg' | 'kube-controller-manager-arg' | 'kube-scheduler-arg',
    read: (args: readonly string[]) => Flags,
  ): Flags {
    try {
      return read(values[flag] ?? []);
    } catch (cause) {
      throw new ConfigError(`--${flag} ${(cause as Error).message}`, { cause });
    }
  }
}

function readToken(token: string | undefined, file: string | undefined): string | undefined {
  if (token !== undefined || file === undefined) return token;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new ConfigError(`--token-file ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function checkToken(token: string | undefined, flag: string): string | undefined {
  if (token === undefined) return undefined;
  try {
    parseJoinToken(token);
    return token;
  } catch (cause) {
    throw new ConfigError(
      `${flag}: ${(cause as Error).message}; give a password, or a token such as K10<hash>::server:<password>`,
      { cause },
    );
  }
}

function orDefault(list: readonly string[], fallback: readonly string[]): readonly string[] {
  return list.length > 0 ? list : fallback;
}

function toPort(text: string, flag: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new ConfigError(`${flag} takes a port from 1 to 65535, not "${text}"`);
  return port;
}

function toPortRange(text: string): string {
  const [first, last] = text.split('-').map(Number);
  const isPort = (port: number | undefined): port is number =>
    port !== undefined && Number.isInteger(port) && port > 0 && port < 65536;
  if (!/^\d+-\d+$/.test(text) || !isPort(first) || !isPort(last) || first > last)
    throw new ConfigError(`--service-node-port-range takes a range such as 30000-32767, not "${text}"`);
  return text;
}

function toMode(text: string): number {
  if (!/^[0-7]{3,4}$/.test(text))
    throw new ConfigError(`--write-kubeconfig-mode takes an octal mode such as 644, not "${text}"`);
  return Number.parseInt(text, 8);
}

/** A registry's host, with a path below it perhaps, without a scheme. */
function toRegistry(text: string): string {
  const registry = text.replace(/\/+$/, '');
  if (registry === '' || /^[a-zA-Z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)*$/.test(registry)) return registry;
  throw new ConfigError(`--system-default-registry takes host[:port][/path], and "${text}" is none`);
}

function oneOf<T extends string>(text: string, allowed: readonly T[], flag: string): T {
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw new ConfigError(`${flag} takes ${allowed.join(', ')}, not "${text}"`);
  return found;
}

/** A range in its canonical form, without bits of a host. */
function toCidr(text: string): string {
  try {
    const cidr = parseCidr(text);
    return `${formatIp(cidr)}/${cidr.prefixBits}`;
  } catch (cause) {
    throw new ConfigError(`"${text}" is no address range: write it as 10.42.0.0/16`, { cause });
  }
}

/** The address at a place of a range: the API is the first of the services', cluster DNS the tenth, as in k3s. */
export function addressAt(cidr: string, place: bigint): string {
  const { family, value } = parseCidr(cidr);
  return formatIp({ family, value: value + place });
}

/** The first IPv4 address of this machine that others may know. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

/** Files of one tenant below its data folder, with k3s's names. */
export function pathsOf({ dataDir }: Pick<TenantConfig, 'dataDir'>) {
  const server = join(dataDir, 'server');
  return {
    server,
    database: join(server, 'db', 'state.db'),
    tls: join(server, 'tls'),
    token: join(server, 'token'),
    nodeToken: join(server, 'node-token'),
    agentToken: join(server, 'agent-token'),
    adminKubeconfig: join(server, 'cred', 'admin.kubeconfig'),
    manifests: join(server, 'manifests'),
  };
}
