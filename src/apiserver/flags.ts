/** What the flags of kube-apiserver that have a meaning here say. */
export interface ApiServerFlags {
  readonly enabledPlugins: readonly string[];
  readonly disabledPlugins: readonly string[];
  /** An AdmissionConfiguration. */
  readonly admissionConfigFile?: string;
  /** How long pods stay on nodes that are not ready, in seconds, where they do not say it themselves. Default 300. */
  readonly notReadySeconds?: number;
  /** The same for nodes that nobody reaches. */
  readonly unreachableSeconds?: number;
  /** Whether who brings no credentials may ask as `system:anonymous`. Default true. */
  readonly anonymous?: boolean;
  /** Whether tokens of pods live on for clients that never read them again. Default true. */
  readonly extendsTokens?: boolean;
}

type Draft = { -readonly [key in keyof ApiServerFlags]: ApiServerFlags[key] };

/** How each flag that is served changes what is known. */
const served: Readonly<Record<string, (flags: Draft, value: string) => void>> = {
  'enable-admission-plugins': (flags, value) => {
    flags.enabledPlugins = toList(value);
  },
  'disable-admission-plugins': (flags, value) => {
    flags.disabledPlugins = toList(value);
  },
  'admission-control-config-file': (flags, value) => {
    if (value === '') throw new Error('wants a file');
    flags.admissionConfigFile = value;
  },
  'default-not-ready-toleration-seconds': (flags, value) => {
    flags.notReadySeconds = toWhole(value);
  },
  'default-unreachable-toleration-seconds': (flags, value) => {
    flags.unreachableSeconds = toWhole(value);
  },
  'anonymous-auth': (flags, value) => {
    flags.anonymous = toBoolean(value);
  },
  'service-account-extend-token-expiration': (flags, value) => {
    flags.extendsTokens = toBoolean(value);
  },
};

/** Flags with one value that is served, which is the default. */
const fixed: Readonly<Record<string, string>> = {
  'allow-privileged': 'true',
  'authorization-mode': 'Node,RBAC',
  'enable-bootstrap-token-auth': 'true',
  'enable-garbage-collector': 'true',
  'enable-priority-and-fairness': 'true',
  'service-account-lookup': 'true',
};

const DIALS = 'the server dials nothing but its nodes and their pods';
const OWN = 'a flag of the server itself says it';
const UNCHANGED = 'it is as in Kubernetes 1.36 by default, and cannot be changed';

/** Flags that would change what clients see, and cannot. Those that end in `*` stand for all that begin so. */
const refused: Readonly<Record<string, string>> = {
  'admission-control': 'enable-admission-plugins and disable-admission-plugins say it',
  'advertise-address': OWN,
  'api-audiences': UNCHANGED,
  'audit-*': 'there is no audit log by policy yet',
  'authentication-*': DIALS,
  'authorization-*': DIALS,
  'bind-address': OWN,
  'client-ca-file': OWN,
  'cors-allowed-origins': UNCHANGED,
  'egress-selector-config-file': DIALS,
  'encryption-provider-config': OWN,
  'encryption-provider-config-automatic-reload': OWN,
  'etcd-*': OWN,
  'event-ttl': UNCHANGED,
  'external-hostname': OWN,
  'feature-gates': 'features are on as they are by default in Kubernetes 1.36, and cannot be switched',
  'kubelet-*': OWN,
  'max-mutating-requests-inflight': UNCHANGED,
  'max-requests-inflight': UNCHANGED,
  'oidc-*': DIALS,
  'proxy-client-*': OWN,
  'request-timeout': UNCHANGED,
  'requestheader-*': OWN,
  'runtime-config': UNCHANGED,
  'secure-port': OWN,
  'service-account-*': UNCHANGED,
  'service-cluster-ip-range': OWN,
  'service-node-port-range': OWN,
  'storage-*': OWN,
  'strict-transport-security-directives': UNCHANGED,
  'tls-*': UNCHANGED,
  'token-auth-file': UNCHANGED,
  'tracing-config-file': DIALS,
};

/**
 * Flags that change nothing which clients see: how the process logs, keeps watches and shuts down, and how several of
 * them find each other. Source: cmd/kube-apiserver/app/options.
 */
const harmless = new Set([
  'aggregator-reject-forwarding-redirect',
  'allow-metric-labels',
  'allow-metric-labels-manifest',
  'cert-dir',
  'contention-profiling',
  'coordinated-leadership-lease-duration',
  'coordinated-leadership-renew-deadline',
  'coordinated-leadership-retry-period',
  'debug-socket-path',
  'delete-collection-workers',
  'disable-http2-serving',
  'disabled-metrics',
  'emulated-version',
  'emulation-forward-compatible',
  'enable-aggregator-routing',
  'enable-logs-handler',
  'endpoint-reconciler-type',
  'goaway-chance',
  'http2-max-streams-per-connection',
  'kubernetes-service-node-port',
  'lease-reuse-duration-seconds',
  'livez-grace-period',
  'log-flush-frequency',
  'log-json-info-buffer-size',
  'log-json-split-stream',
  'log-text-info-buffer-size',
  'log-text-split-stream',
  'logging-format',
  'max-connection-bytes-per-sec',
  'min-compatibility-version',
  'min-request-timeout',
  'peer-advertise-ip',
  'peer-advertise-port',
  'peer-ca-file',
  'permit-address-sharing',
  'permit-port-sharing',
  'profiling',
  'runtime-config-emulation-forward-compatible',
  'send-retry-after-while-not-ready-once',
  'show-hidden-metrics-for-version',
  'shutdown-delay-duration',
  'shutdown-send-retry-after',
  'shutdown-watch-termination-grace-period',
  'v',
  'vmodule',
  'watch-cache',
  'watch-cache-sizes',
]);

/**
 * Reads what is given to kube-apiserver, such as `enable-admission-plugins=EventRateLimit`. Of a flag that comes again,
 * the last counts.
 *
 * @throws Error for flags that kube-apiserver does not have, for values that they cannot have, and for those that have
 *   no meaning here.
 */
export function parseApiServerFlags(args: readonly string[]): ApiServerFlags {
  const flags: Draft = { enabledPlugins: [], disabledPlugins: [] };
  for (const arg of args) {
    const [, name = '', value = 'true'] = /^(?:--?)?([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const wanted = fixed[name];
    const change = Object.hasOwn(served, name) ? served[name] : undefined;
    if (change !== undefined) {
      try {
        change(flags, value);
      } catch (cause) {
        throw new Error(`"${arg}": ${name} ${(cause as Error).message}`, { cause });
      }
    } else if (wanted !== undefined) {
      if (value !== wanted) throw new Error(`"${arg}" is not served: ${name} is always ${wanted}`);
    } else if (!harmless.has(name)) {
      const why = whyRefused(name);
      throw new Error(
        why === undefined ? `"${arg}": kube-apiserver has no flag "${name}"` : `"${arg}" is not served: ${why}`,
      );
    }
  }
  return flags;
}

function whyRefused(name: string): string | undefined {
  const found = Object.entries(refused).find(([key]) =>
    key.endsWith('*') ? name.startsWith(key.slice(0, -1)) : name === key,
  );
  return found?.[1];
}

function toList(value: string): readonly string[] {
  return value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function toWhole(value: string): number {
  if (!/^\d+$/.test(value)) throw new Error('takes whole seconds');
  return Number(value);
}

/** As Go reads flags. Source: strconv.ParseBool. */
function toBoolean(value: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new Error('takes true or false');
}
