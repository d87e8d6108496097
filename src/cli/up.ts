import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { StorageError } from '../datastore/storage-error.ts';
import type { Embedded } from '../embedded/embedded.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { type VirtualCluster, virtualClusters } from '../operator/api/virtual-cluster.ts';
import { systemClock } from '../std/clock.ts';
import { createLogger } from '../telemetry/logger.ts';
import { childEnvironment, DEFAULT_DATA_DIR } from './config.ts';
import { printLine } from './output.ts';
import { UserError } from './user-error.ts';

interface Options {
  readonly port: number;
  readonly dataDir: string;
  readonly demo: boolean;
  readonly verbose?: boolean;
}

const DEMO = { namespace: 'default', name: 'demo' };
const DEMO_TIMEOUT_MS = 120_000;

export function addUp(program: Command): void {
  program
    .command('up')
    .description('run a host cluster, the operator and a demo tenant on this machine')
    .option('--port <number>', "port of the host cluster's API", toPort, 6443)
    .option('--data-dir <path>', 'where everything is kept', DEFAULT_DATA_DIR)
    .option('--no-demo', 'create no tenant')
    .option('-v, --verbose', 'print the log of the host cluster')
    .action(up);
}

function toPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new InvalidArgumentError('give a port from 1 to 65535.');
  return port;
}

async function up(options: Options): Promise<void> {
  const startedMs = systemClock.nowMs();
  const dataDir = resolve(options.dataDir);
  prepareFolder(dataDir);
  const logger = createLogger({
    level: options.verbose ? 'info' : 'error',
    write: (line) => process.stderr.write(`${line}\n`),
    nowMs: systemClock.nowMs,
  });
  const tell = (text: string): void =>
    printLine(`${((systemClock.nowMs() - startedMs) / 1000).toFixed(2).padStart(6)} s  ${text}`);
  const embedded = await start(options, dataDir, logger, tell);
  const stopped = stopOnSignal(embedded);
  try {
    if (options.demo) await showDemo(embedded, tell, stopped.signal);
    if (!stopped.signal.aborted) printNextSteps(options, embedded);
  } catch (error) {
    if (!stopped.signal.aborted)
      process.stderr.write(`warren: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  await stopped.done;
}

/** Fails early, with one line, where nothing can be kept. */
function prepareFolder(dataDir: string): void {
  try {
    mkdirSync(join(dataDir, 'host'), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new UserError(
      `${dataDir} cannot be written: ${(cause as Error).message}; choose another folder with --data-dir`,
      { cause },
    );
  }
}

async function start(
  options: Options,
  dataDir: string,
  logger: ReturnType<typeof createLogger>,
  tell: (text: string) => void,
): Promise<Embedded> {
  const { startEmbedded } = await import('../embedded/embedded.ts');
  const [, main = ''] = process.argv;
  try {
    return await startEmbedded({
      dataDir,
      port: options.port,
      program: {
        path: process.execPath,
        args: ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2', main],
      },
      env: childEnvironment(join(dataDir, 'cache')),
      clock: systemClock,
      logger,
      onStep: tell,
    });
  } catch (error) {
    if (error instanceof StorageError) throw new UserError(error.message, { cause: error });
    if (error instanceof Error && (/is taken by another program/.test(error.message) || error.name === 'ConfigError')) {
      throw new UserError(error.message.replace('choose another port', 'choose another one with --port'), {
        cause: error,
      });
    }
    throw error;
  }
}

/** Ctrl-C stops everything in order; a second one does not wait. */
function stopOnSignal(embedded: Embedded): { signal: AbortSignal; done: Promise<void> } {
  const abort = new AbortController();
  const done = new Promise<void>((resolveDone) => {
    const stop = (): void => {
      if (abort.signal.aborted) process.exit(130);
      abort.abort();
      printLine('\nstopping: tenants first, then the host cluster');
      embedded.close().then(
        () => {
          printLine('stopped; "warren up" goes on from here');
          resolveDone();
          process.exit(0);
        },
        (error: Error) => {
          process.stderr.write(`warren: ${error.message}\n`);
          process.exit(1);
        },
      );
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
  return { signal: abort.signal, done };
}

/** Makes the tenant `demo` where it is not there, and follows it until it is ready. */
async function showDemo({ client }: Embedded, tell: (text: string) => void, signal: AbortSignal): Promise<void> {
  const sinceMs = systemClock.nowMs();
  const present = await client.get(virtualClusters, DEMO).catch((error) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (present === undefined) await client.create(virtualClusters, { metadata: { ...DEMO }, spec: {} });
  tell(present === undefined ? 'tenant demo is created' : 'tenant demo is there already');
  let last = '';
  while (!signal.aborted) {
    const cluster = await client.get(virtualClusters, DEMO);
    const ready = cluster.status?.conditions?.find(({ type }) => type === 'Ready');
    const nowMs = systemClock.nowMs();
    if (ready?.status === 'True' && isFresh(cluster, present, sinceMs)) {
      return tell(
        `tenant demo is ready at ${cluster.status?.endpoint}: ${nowMs - sinceMs} ms ${present === undefined ? 'from its creation' : 'from the start'} to its /readyz`,
      );
    }
    if (ready?.message && ready.message !== last && ready.status !== 'True') tell(`tenant demo: ${ready.message}`);
    last = ready?.message ?? last;
    if (nowMs - sinceMs > DEMO_TIMEOUT_MS) throw new Error(`demo is not ready: ${last}; "warren get demo" tells more`);
    await systemClock.sleep(50);
  }
}

/** A tenant of an earlier run still says that it was ready then; its pod must have started since. */
function isFresh(cluster: VirtualCluster, before: VirtualCluster | undefined, sinceMs: number): boolean {
  if (before === undefined) return true;
  return cluster.metadata.resourceVersion !== before.metadata.resourceVersion || systemClock.nowMs() - sinceMs > 3_000;
}

function printNextSteps({ dataDir, port, demo }: Options, { url }: Embedded): void {
  const kubeconfig = join(dataDir, 'kubeconfig');
  const flags = dataDir === DEFAULT_DATA_DIR ? '' : ` --kubeconfig ${kubeconfig}`;
  printLine(`
Host cluster ${url} is up${port === 6443 ? '' : ` on port ${port}`}. In another shell:

  kubectl --kubeconfig ${kubeconfig} get vc${
    demo
      ? `
  npx warren kubeconfig demo${flags} > demo.kubeconfig
  kubectl --kubeconfig demo.kubeconfig get namespaces
  npx warren join demo${flags}            # the line that joins a machine as a node`
      : `
  npx warren create demo${flags}`
  }

Ctrl-C stops everything; the data stays in ${dataDir}.`);
}
