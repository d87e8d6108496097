import { createServer } from 'node:http';
import type { Command } from 'commander';
import { K3S_AGENT_VERSION, KUBERNETES_VERSION } from '../machinery/object/version.ts';
import { systemClock } from '../std/clock.ts';
import { createLogger, type LogLevel } from '../telemetry/logger.ts';
import { operatorEnvironment } from './config.ts';
import { type HostOptions, withHostOptions } from './host.ts';
import { UserError } from './user-error.ts';

interface Options extends HostOptions {
  readonly image?: string;
  readonly nodePorts: string;
  readonly healthPort?: string;
  readonly leaderElect?: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
}

export function addOperator(program: Command): void {
  withHostOptions(program.command('operator').description('run the operator against a host cluster'))
    .option('--image <name>', 'image of tenant servers (default: $WARREN_SERVER_IMAGE)')
    .option('--node-ports <first-last>', 'ports that tenants may get', '30000-32767')
    .option('--health-port <number>', 'port of /healthz and /readyz')
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
    { loadHostTransport },
    { Client },
    { Informers },
    { createEventRecorder },
    { runAsLeader },
    { createKeySource },
    { runOperator },
    { createTenantAccess },
  ] = await Promise.all([
    import('../operator/host-transport.ts'),
    import('../client/client.ts'),
    import('../client/informers.ts'),
    import('../client/events.ts'),
    import('../client/leases.ts'),
    import('../operator/key-source.ts'),
    import('../operator/operator.ts'),
    import('../operator/tenant-access.ts'),
  ]);
  const { transport, namespace } = await loadHostTransport({ path: options.kubeconfig, context: options.context });
  const client = new Client(transport);
  const state = { ready: false };
  const health =
    options.healthPort === undefined ? undefined : serveHealth(Number(options.healthPort), () => state.ready);
  const work = async (signal: AbortSignal): Promise<void> => {
    const informers = new Informers({ client, clock: systemClock, logger, signal });
    const events = createEventRecorder({ client, component: 'warren-operator', clock: systemClock, logger, signal });
    await runOperator(
      {
        client,
        informers,
        events,
        keys: createKeySource(systemClock),
        tenants: createTenantAccess(({ cluster }) => `${cluster.metadata.name}-server.${cluster.metadata.namespace}.svc`),
        settings: {
          image,
          imagePullPolicy: 'IfNotPresent',
          serverVersion: KUBERNETES_VERSION,
          agentVersion: K3S_AGENT_VERSION,
          nodePorts: { first, last },
        },
        watchNamespaces: environment.watchNamespaces,
        clock: systemClock,
        logger,
      },
      signal,
    );
  };
  state.ready = true;
  logger.info('operator runs', { image, namespaces: environment.watchNamespaces });
  if (!options.leaderElect) await work(abort.signal);
  else {
    const lease = { namespace: environment.namespace ?? options.namespace ?? namespace, name: 'warren-operator' };
    const identity = environment.podName ?? `warren-operator-${process.pid}`;
    await runAsLeader({ client, lease, identity, clock: systemClock, logger }, work, abort.signal);
  }
  health?.close();
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
