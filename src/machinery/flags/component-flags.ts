import { parseDurationMs } from '../values/duration.ts';

/** What becomes of the flags of one of Kubernetes' programs, whose work is done in this process. */
export interface FlagTable<Settings> {
  /** The program's name, for messages. */
  readonly component: string;
  /** Flags with a meaning here, and what each changes. */
  readonly served: Readonly<Record<string, (settings: Settings, value: string) => void>>;
  /** Flags with one value that is served, which is the default. */
  readonly fixed?: Readonly<Record<string, string>> | undefined;
  /** Why flags that would change something cannot. A name that ends in `*` stands for all that begin so. */
  readonly refused: Readonly<Record<string, string>>;
  /** Flags that change nothing that anybody sees, beside those of {@link processFlags}. */
  readonly harmless: readonly string[];
}

/** How a process logs, counts, is profiled and says which version it stands in for. Source: component-base. */
const processFlags: readonly string[] = [
  'allow-metric-labels',
  'allow-metric-labels-manifest',
  'contention-profiling',
  'disabled-metrics',
  'emulated-version',
  'emulation-forward-compatible',
  'log-flush-frequency',
  'log-json-info-buffer-size',
  'log-json-split-stream',
  'log-text-info-buffer-size',
  'log-text-split-stream',
  'logging-format',
  'min-compatibility-version',
  'profiling',
  'show-hidden-metrics-for-version',
  'v',
  'vmodule',
];

/** How a process beside the API server listens, whom it lets read there, and how it keeps its lease. */
export const sideProcessFlags: readonly string[] = [
  'authentication-kubeconfig',
  'authentication-skip-lookup',
  'authentication-token-webhook-cache-ttl',
  'authentication-tolerate-lookup-failure',
  'authorization-always-allow-paths',
  'authorization-kubeconfig',
  'authorization-webhook-cache-authorized-ttl',
  'authorization-webhook-cache-unauthorized-ttl',
  'bind-address',
  'cert-dir',
  'client-ca-file',
  'disable-http2-serving',
  'http2-max-streams-per-connection',
  'kube-api-burst',
  'kube-api-content-type',
  'kube-api-qps',
  'kubeconfig',
  'leader-elect',
  'leader-elect-lease-duration',
  'leader-elect-renew-deadline',
  'leader-elect-resource-lock',
  'leader-elect-resource-name',
  'leader-elect-resource-namespace',
  'leader-elect-retry-period',
  'master',
  'permit-address-sharing',
  'permit-port-sharing',
  'requestheader-allowed-names',
  'requestheader-client-ca-file',
  'requestheader-extra-headers-prefix',
  'requestheader-group-headers',
  'requestheader-uid-headers',
  'requestheader-username-headers',
  'secure-port',
  'tls-cert-file',
  'tls-cipher-suites',
  'tls-curve-preferences',
  'tls-min-version',
  'tls-private-key-file',
  'tls-sni-cert-key',
];

/** Reasons that several programs have in common. */
export const refusals = {
  features: 'features are on as they are by default in Kubernetes 1.36, and cannot be switched',
  unchanged: 'it is as in Kubernetes 1.36 by default, and cannot be changed',
  own: 'a flag of the server itself says it',
} as const;

/**
 * Reads flags such as `v=4` or `--config=FILE` into `settings`; of one that comes again, the last counts. A flag without
 * a value is `true`.
 *
 * @throws Error for flags that the program does not have, for values that they cannot have, and for those that would
 *   change something and cannot.
 */
export function parseComponentFlags<Settings>(
  args: readonly string[],
  table: FlagTable<Settings>,
  settings: Settings,
): Settings {
  const { component, served, fixed = {}, harmless } = table;
  for (const arg of args) {
    const [, name = '', value = 'true'] = /^(?:--?)?([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (Object.hasOwn(served, name)) {
      try {
        served[name]?.(settings, value);
      } catch (cause) {
        throw new Error(`"${arg}": ${name} ${(cause as Error).message}`, { cause });
      }
    } else if (Object.hasOwn(fixed, name)) {
      if (value !== fixed[name]) throw new Error(`"${arg}" is not served: ${name} is always ${fixed[name]}`);
    } else if (!harmless.includes(name) && !processFlags.includes(name)) {
      const why = whyRefused(name, table.refused);
      throw new Error(
        why === undefined ? `"${arg}": ${component} has no flag "${name}"` : `"${arg}" is not served: ${why}`,
      );
    }
  }
  return settings;
}

function whyRefused(name: string, refused: Readonly<Record<string, string>>): string | undefined {
  const found = Object.entries(refused).find(([key]) =>
    key.endsWith('*') ? name.startsWith(key.slice(0, -1)) : name === key,
  );
  return found?.[1];
}

/** Names between commas. */
export function toNames(value: string): readonly string[] {
  return value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

export function toFile(value: string): string {
  if (value === '' || value === 'true') throw new Error('wants a file');
  return value;
}

export function toWhole(value: string, unit = ''): number {
  if (!/^\d+$/.test(value)) throw new Error(`takes a whole number${unit === '' ? '' : ` of ${unit}`}`);
  return Number(value);
}

/** Milliseconds of a duration such as `1m30s`. */
export function toMs(value: string): number {
  const ms = parseDurationMs(value);
  if (ms === undefined || ms < 0) throw new Error('takes a duration such as 40s or 1m30s');
  return ms;
}

/** As Go reads flags. Source: strconv.ParseBool. */
export function toBoolean(value: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new Error('takes true or false');
}
