import { createServer } from 'node:http';
import { type Command, InvalidArgumentError } from 'commander';
import { K3S_AGENT_VERSION, KUBERNETES_VERSION } from '../machinery/object/version.ts';
import type { OperatorMetrics } from '../operator/metrics.ts';
import { systemClock } from '../std/clock.ts';
import { createLogger, type LogLevel } from '../telemetry/logger.ts';
import { operatorEnvironment, podAccess } from './config.ts';
import { type HostOptions, withHostOptions } from './host.ts';
import { UserError } from './user-error.ts';

interface Options extends HostOptions {
  readonly image?: string;
  readonly nodePorts: string;
  readonly tenantHost?: string;
  readonly healthPort?: number;
  readonly metricsPort?: number;
  readonly leaderElect?: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
}

export function addOperator(program: Command): void {
  withHostOptions(program.command('operator').description('run the operator against a host cluster'))
    .option('--image <name>', 'image of tenant servers (default: $WARREN_SERVER_IMAGE)')
    .option('--node-ports <first-last>', 'ports that tenants may get', '30000-32767')
    .option('--tenant-host <host>', 'where the operator reaches the ports of tenants (default: the Service of each)')
    .option('--health-port <number>', 'port of /healthz and /readyz', toPort)
    .option('--metrics-port <number>', 'port of /metrics', toPort)
    .option('--leader-elect', 'work only while holding the lease, for several replicas')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .option('--log-format <format>', 'text or json', 'text')
    .action(runOperatorCommand);
}

async function runOperatorCommand(options: Options): Promise<void> {
  const environment = operatorEnvironment();
  const image = options.image ?? environment.image;
  if (image === undefined) throw new UserError('no image for tenant servers: give --image or set WARREN_SERVER_IMAGE');
  const [first, last] = options.nodePorts.split('-').map(Number);
  if (!first || !last || first > last)
    throw new UserError(`--node-ports takes a range such as 30000-32767, not "${options.nodePorts}"`);
  const logger = createLogger({
    level: options.logLevel,
    format: options.logFormat,
    write: (line) => process.stderr.write(`${line}\n`),
    nowMs: systemClock.nowMs,
  });
  const abort = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => abort.abort(new Error(signal)));

  const [
    { Client },
    { Informers },
    { createEventRecorder },
    { runAsLeader },
    { createKeySource },
    { toLean },
    { runOperator },
    { createTenantAccess },
    { createOperatorMetrics },
  ] = await Promise.all([
    import('../client/client.ts'),
    import('../client/informers.ts'),
    import('../client/events.ts'),
    import('../client/leases.ts'),
    import('../operator/key-source.ts'),
    import('../operator/lean-objects.ts'),
    import('../operator/operator.ts'),
    import('../operator/tenant-access.ts'),
    import('../operator/metrics.ts'),
  ]);
  const { transport, namespace } = await openHostTransport(options);
  const client = new Client(transport);
  const state = { ready: false };
  const metrics = createOperatorMetrics();
  metrics.leads(false);
  const servers = [
    ...(options.healthPort === undefined ? [] : [serveHealth(options.healthPort, () => state.ready)]),
    ...(options.metricsPort === undefined ? [] : [serveMetrics(options.metricsPort, metrics)]),
  ];
  const work = async (signal: AbortSignal): Promise<void> => {
    metrics.leads(true);
    const informers = new Informers({ client, clock: systemClock, logger, signal, keep: toLean });
    const events = createEventRecorder({ client, component: 'warren-operator', clock: systemClock, logger, signal });
    await runOperator(
      {
        client,
        informers,
        events,
        keys: createKeySource(systemClock),
        tenants: createTenantAccess(
          ({ cluster: { metadata } }) => options.tenantHost ?? `${metadata.name}-server.${metadata.namespace}.svc`,
        ),
        settings: {
          image,
          imagePullPolicy: 'IfNotPresent',
          serverVersion: KUBERNETES_VERSION,
          agentVersion: K3S_AGENT_VERSION,
          nodePorts: { first, last },
          namespace: environment.namespace,
          tenantHost: options.tenantHost,
        },
        watchNamespaces: environment.watchNamespaces,
        metrics,
        clock: systemClock,
        logger,
      },
      signal,
    );
    metrics.leads(false);
  };
  state.ready = true;
  logger.info('operator runs', { image, namespaces: environment.watchNamespaces });
  if (!options.leaderElect) await work(abort.signal);
  else {
    const lease = { namespace: environment.namespace ?? options.namespace ?? namespace, name: 'warren-operator' };
    const identity = environment.podName ?? `warren-operator-${process.pid}`;
    await runAsLeader({ client, lease, identity, clock: systemClock, logger }, work, abort.signal);
  }
  for (const server of servers) server.close();
}

/** What it takes for kubeconfigs of all kinds is large, and loaded where there is one. */
async function openHostTransport({ kubeconfig: path, context }: HostOptions) {
  const pod = path === undefined && context === undefined ? podAccess() : undefined;
  if (pod === undefined) return (await import('../operator/host-transport.ts')).loadHostTransport({ path, context });
  const { openPodTransport } = await import('../operator/pod-transport.ts');
  return openPodTransport(pod, { clock: systemClock });
}

/** Liveness and readiness for the pod's probes. */
function serveHealth(port: number, ready: () => boolean) {
  const server = createServer((request, response) => {
    const ok = request.url === '/healthz' || (request.url === '/readyz' && ready());
    response.writeHead(ok ? 200 : request.url === '/readyz' ? 503 : 404, { 'Content-Type': 'text/plain' });
    response.end(ok ? 'ok' : 'not ready');
  });
  server.listen(port);
  return server;
}

function serveMetrics(port: number, metrics: OperatorMetrics) {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.listen(port);
  return server;
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new InvalidArgumentError('give a port from 1 to 65535.');
  return port;
}
