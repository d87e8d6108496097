import {
  type FlagTable,
  parseComponentFlags,
  refusals,
  toBoolean,
  toFile,
  toNames,
  toWhole,
} from '../machinery/flags/component-flags.ts';

/** What flags say of the audit log. */
export interface AuditFlags {
  readonly policyFile?: string;
  /** `-`: standard output. */
  readonly path?: string;
  readonly maxAgeDays?: number;
  readonly maxBackups?: number;
  readonly maxMegabytes?: number;
  readonly format?: 'json' | 'legacy';
  readonly compress?: boolean;
}

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
  /** Whether who brings no credentials may ask for more than health, as `system:anonymous`. Default true. */
  readonly anonymous?: boolean;
  /** Whether tokens of pods live on for clients that never read them again. Default true. */
  readonly extendsTokens?: boolean;
  readonly audit?: AuditFlags;
}

type Draft = { -readonly [key in keyof ApiServerFlags]: ApiServerFlags[key] };

const DIALS = 'the server dials nothing but its nodes and their pods';

/** Source: cmd/kube-apiserver/app/options. */
const table: FlagTable<Draft> = {
  component: 'kube-apiserver',
  served: {
    'enable-admission-plugins': (flags, value) => {
      flags.enabledPlugins = toNames(value);
    },
    'disable-admission-plugins': (flags, value) => {
      flags.disabledPlugins = toNames(value);
    },
    'admission-control-config-file': (flags, value) => {
      flags.admissionConfigFile = toFile(value);
    },
    'default-not-ready-toleration-seconds': (flags, value) => {
      flags.notReadySeconds = toWhole(value, 'seconds');
    },
    'default-unreachable-toleration-seconds': (flags, value) => {
      flags.unreachableSeconds = toWhole(value, 'seconds');
    },
    'audit-policy-file': (flags, value) => {
      flags.audit = { ...flags.audit, policyFile: toFile(value) };
    },
    'audit-log-path': (flags, value) => {
      flags.audit = { ...flags.audit, path: toFile(value) };
    },
    'audit-log-maxage': (flags, value) => {
      flags.audit = { ...flags.audit, maxAgeDays: toLimit(value, 'audit-log-maxage') };
    },
    'audit-log-maxbackup': (flags, value) => {
      flags.audit = { ...flags.audit, maxBackups: toLimit(value, 'audit-log-maxbackup') };
    },
    'audit-log-maxsize': (flags, value) => {
      flags.audit = { ...flags.audit, maxMegabytes: toLimit(value, 'audit-log-maxsize') };
    },
    'audit-log-format': (flags, value) => {
      if (value !== 'json' && value !== 'legacy')
        throw new Error(`is refused: invalid audit log format ${value}, allowed formats are "legacy,json"`);
      flags.audit = { ...flags.audit, format: value };
    },
    'audit-log-compress': (flags, value) => {
      flags.audit = { ...flags.audit, compress: toBoolean(value) };
    },
    'anonymous-auth': (flags, value) => {
      flags.anonymous = toBoolean(value);
    },
    'service-account-extend-token-expiration': (flags, value) => {
      flags.extendsTokens = toBoolean(value);
    },
  },
  fixed: {
    'allow-privileged': 'true',
    'audit-log-mode': 'blocking',
    'audit-log-truncate-enabled': 'false',
    'audit-log-version': 'audit.k8s.io/v1',
    'authorization-mode': 'Node,RBAC',
    'enable-bootstrap-token-auth': 'true',
    'enable-garbage-collector': 'true',
    'enable-priority-and-fairness': 'true',
    'service-account-lookup': 'true',
  },
  refused: {
    'admission-control': 'enable-admission-plugins and disable-admission-plugins say it',
    'advertise-address': refusals.own,
    'api-audiences': refusals.unchanged,
    'audit-log-batch-*': 'events are written one by one',
    'audit-log-truncate-*': 'events are written whole',
    'audit-webhook-*': DIALS,
    'authentication-*': DIALS,
    'authorization-*': DIALS,
    'bind-address': refusals.own,
    'client-ca-file': refusals.own,
    'cors-allowed-origins': refusals.unchanged,
    'egress-selector-config-file': DIALS,
    'encryption-provider-config': refusals.own,
    'encryption-provider-config-automatic-reload': refusals.own,
    'etcd-*': refusals.own,
    'event-ttl': refusals.unchanged,
    'external-hostname': refusals.own,
    'feature-gates': refusals.features,
    'kubelet-*': refusals.own,
    'max-mutating-requests-inflight': refusals.unchanged,
    'max-requests-inflight': refusals.unchanged,
    'oidc-*': DIALS,
    'proxy-client-*': refusals.own,
    'request-timeout': refusals.unchanged,
    'requestheader-*': refusals.own,
    'runtime-config': refusals.unchanged,
    'secure-port': refusals.own,
    'service-account-*': refusals.unchanged,
    'service-cluster-ip-range': refusals.own,
    'service-node-port-range': refusals.own,
    'storage-*': refusals.own,
    'strict-transport-security-directives': refusals.unchanged,
    'tls-*': refusals.unchanged,
    'token-auth-file': refusals.unchanged,
    'tracing-config-file': DIALS,
  },
  // How the process keeps watches and shuts down, and how several of them find each other.
  harmless: [
    'aggregator-reject-forwarding-redirect',
    'cert-dir',
    'coordinated-leadership-lease-duration',
    'coordinated-leadership-renew-deadline',
    'coordinated-leadership-retry-period',
    'debug-socket-path',
    'delete-collection-workers',
    'disable-http2-serving',
    'enable-aggregator-routing',
    'enable-logs-handler',
    'endpoint-reconciler-type',
    'goaway-chance',
    'http2-max-streams-per-connection',
    'kubernetes-service-node-port',
    'lease-reuse-duration-seconds',
    'livez-grace-period',
    'max-connection-bytes-per-sec',
    'min-request-timeout',
    'peer-advertise-ip',
    'peer-advertise-port',
    'peer-ca-file',
    'permit-address-sharing',
    'permit-port-sharing',
    'runtime-config-emulation-forward-compatible',
    'send-retry-after-while-not-ready-once',
    'shutdown-delay-duration',
    'shutdown-send-retry-after',
    'shutdown-watch-termination-grace-period',
    'watch-cache',
    'watch-cache-sizes',
  ],
};

/**
 * Reads what is given to kube-apiserver, such as `enable-admission-plugins=EventRateLimit`.
 *
 * @throws Error for flags that kube-apiserver does not have, for values that they cannot have, and for those that have
 *   no meaning here.
 */
export function parseApiServerFlags(args: readonly string[]): ApiServerFlags {
  return parseComponentFlags<Draft>(args, table, { enabledPlugins: [], disabledPlugins: [] });
}

/** Source: `pkg/server/options/audit.go`. */
function toLimit(value: string, flag: string): number {
  if (/^-\d+$/.test(value)) throw new Error(`is refused: --${flag} ${value} can't be a negative number`);
  return toWhole(value);
}
