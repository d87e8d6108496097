/**
 * Flags of kube-scheduler that change nothing about where pods go: how it logs, listens, keeps its lease and reaches
 * the API server. Here all of that is the server's.
 *
 * Source: cmd/kube-scheduler/app/options.
 */
const harmless = new Set([
  'allow-metric-labels',
  'allow-metric-labels-manifest',
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
  'contention-profiling',
  'disable-http2-serving',
  'disabled-metrics',
  'emulated-version',
  'emulation-forward-compatible',
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
  'log-flush-frequency',
  'log-json-info-buffer-size',
  'log-json-split-stream',
  'log-text-info-buffer-size',
  'log-text-split-stream',
  'logging-format',
  'master',
  'min-compatibility-version',
  'permit-address-sharing',
  'permit-port-sharing',
  'profiling',
  'requestheader-allowed-names',
  'requestheader-client-ca-file',
  'requestheader-extra-headers-prefix',
  'requestheader-group-headers',
  'requestheader-uid-headers',
  'requestheader-username-headers',
  'secure-port',
  'show-hidden-metrics-for-version',
  'tls-cert-file',
  'tls-cipher-suites',
  'tls-curve-preferences',
  'tls-min-version',
  'tls-private-key-file',
  'tls-sni-cert-key',
  'v',
  'vmodule',
]);

/** Flags that would change where pods go, and cannot. */
const refused: Readonly<Record<string, string>> = {
  'feature-gates': 'features are on as they are by default in Kubernetes 1.36, and cannot be switched',
  'pod-max-in-unschedulable-pods-duration': 'the time is that of Kubernetes 1.36, and cannot be changed',
  'write-config-to': 'the configuration is not written anywhere',
};

/**
 * Reads what is given to kube-scheduler, such as `v=4` or `config=FILE`, and returns the file of its configuration.
 *
 * @throws Error for flags that kube-scheduler does not have, and for those that have no meaning here.
 */
export function parseSchedulerFlags(args: readonly string[]): { readonly configFile?: string } {
  let configFile: string | undefined;
  for (const arg of args) {
    const [, name = '', value] = /^(?:--?)?([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === 'config') {
      if (!value) throw new Error('config wants a file, as in config=FILE');
      configFile = value;
    } else if (Object.hasOwn(refused, name)) throw new Error(`"${arg}" is not served: ${refused[name]}`);
    else if (!harmless.has(name)) throw new Error(`"${arg}": kube-scheduler has no flag "${name}"`);
  }
  return configFile === undefined ? {} : { configFile };
}
