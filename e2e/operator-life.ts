/** A host cluster, and an operator on it with the rights of its role that can be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../src/client/client.ts';
import { createHttpTransport } from '../src/client/http-transport.ts';
import { readKubeconfig, type ServerAccess } from '../src/client/kubeconfig.ts';
import { systemClock } from '../src/std/clock.ts';
import { silentLogger } from '../src/telemetry/logger.ts';
import { freePort } from '../src/testing/free-port.ts';
import { type HollowNode, startHollowNode } from '../src/testing/hollow-node.ts';
import { clientFor } from './clients.ts';

import { startWarrenServer } from './warren-server.ts';

const root = join(import.meta.dirname, '..');
const NAMESPACE = 'warren-system';

export interface OperatorHost extends AsyncDisposable {
  readonly folder: string;
  readonly access: ServerAccess;
  readonly client: Client;
  kubectl(args: readonly string[], options?: { readonly input?: string }): Promise<string>;
  /** The node that runs nothing; undefined where nodes of the cluster run the tenants. */
  readonly node: HollowNode | undefined;
  /** Where the operator reaches tenants. */
  readonly tenantHost: string;
  readonly image: string;
  /** Of the operator's service account. */
  readonly token: string;
}

export interface HostOptions {
  /** A cluster that is there already. Default: a Warren server of its own. */
  readonly kubeconfig?: string | undefined;
  /** Where nodes of the cluster are reached, which run pods. Default: a node joins that runs none. */
  readonly tenantHost?: string | undefined;
  readonly image?: string | undefined;
}

/** A host cluster with the CRDs and the operator's rights, and a namespace `tenants`. */
export async function startOperatorHost(options: HostOptions = {}): Promise<OperatorHost> {
  const own = options.kubeconfig === undefined ? await startWarrenServer() : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'warren-e2e-'));
  const kubeconfig = options.kubeconfig ?? own?.kubeconfig ?? '';
  const access = readKubeconfig(kubeconfig);
  const client = new Client(createHttpTransport({ ...access, serverName: access.tlsServerName, maxSockets: 32 }));
  const kubectl = clientFor('kubectl', kubeconfig);
  const stop = new AbortController();
  // An address of this run alone: ports of other programs are on others.
  const address = `127.${1 + (process.pid % 250)}.${1 + (Date.now() % 250)}.1`;
  const node =
    options.tenantHost !== undefined
      ? undefined
      : await startHollowNode({
          client,
          nodeName: 'hollow',
          address,
          clock: systemClock,
          logger: silentLogger,
          signal: stop.signal,
        });
  await kubectl(['apply', '--server-side', '--force-conflicts', '-k', join(root, 'config/crd')]);
  for (const name of [NAMESPACE, 'tenants'])
    await kubectl(['apply', '-f', '-'], {
      input: `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"${name}"}}`,
    });
  await kubectl(['apply', '-k', join(root, 'config/rbac')]);
  await kubectl(['wait', '--for=condition=Established', 'crd/virtualclusters.warren.dev', '--timeout=30s']);
  const token = await kubectl(['create', 'token', 'warren-operator', '-n', NAMESPACE, '--duration=2h']);
  return {
    folder,
    access,
    client,
    kubectl,
    node,
    tenantHost: options.tenantHost ?? address,
    image: options.image ?? 'warren:test',
    token: token.trim(),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the host ends'));
      await node?.close();
      await own?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** How an operator is run. */
export interface LifeOptions {
  /** Where it finds the host's API. Default: the host itself. */
  readonly via?: { readonly url: string; readonly ca: string | undefined } | undefined;
  /** Of several replicas each has a name of its own. Default `warren-operator-0`. */
  readonly podName?: string | undefined;
  /** For Node, such as `--cpu-prof`. */
  readonly nodeFlags?: readonly string[] | undefined;
  /** The program. Default: the sources. */
  readonly entry?: string | undefined;
}

/** One life of the operator after another, as a container that is restarted. */
export class OperatorLife {
  readonly #host: OperatorHost;
  readonly #options: LifeOptions;
  readonly #via: { readonly url: string; readonly ca: string | undefined };
  #child: ChildProcess | undefined;
  #output = '';
  readonly metricsPort: number;

  private constructor(host: OperatorHost, options: LifeOptions, metricsPort: number) {
    this.#host = host;
    this.#options = options;
    this.#via = options.via ?? { url: host.access.server, ca: host.access.ca };
    this.metricsPort = metricsPort;
  }

  static async start(host: OperatorHost, options: LifeOptions = {}): Promise<OperatorLife> {
    const life = new OperatorLife(host, options, await freePort());
    life.begin();
    return life;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** All that it logged in all its lives. */
  get output(): string {
    return this.#output;
  }

  /** The text of its metrics. */
  async metrics(): Promise<string> {
    return await (
      await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`, { signal: AbortSignal.timeout(2_000) })
    ).text();
  }

  /** SIGKILL, and another one. */
  async restart(): Promise<void> {
    await this.end('SIGKILL');
    this.begin();
  }

  /** As a machine that stands still, and does not know it afterwards. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** Starts it where it does not run. */
  begin(): void {
    const { folder, token, image, tenantHost } = this.#host;
    const { podName = 'warren-operator-0', nodeFlags = [], entry = join(root, 'src', 'main.ts') } = this.#options;
    const path = join(folder, `${podName}.kubeconfig`);
    const cluster = {
      server: this.#via.url,
      'certificate-authority-data': Buffer.from(this.#via.ca ?? '').toString('base64'),
      ...(this.#host.access.tlsServerName === undefined || this.#via.url !== this.#host.access.server
        ? {}
        : { 'tls-server-name': this.#host.access.tlsServerName }),
    };
    writeFileSync(
      path,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'host', cluster }],
        users: [{ name: 'operator', user: { token } }],
        contexts: [{ name: 'host', context: { cluster: 'host', user: 'operator' } }],
        'current-context': 'host',
      }),
    );
    // The real process itself, not the starter: it is what is killed.
    const child = spawn(
      process.execPath,
      [
        // As the image runs it.
        '--disable-warning=ExperimentalWarning',
        '--max-semi-space-size=2',
        ...nodeFlags,
        entry,
        'operator',
        `--kubeconfig=${path}`,
        `--namespace=${NAMESPACE}`,
        `--image=${image}`,
        `--tenant-host=${tenantHost}`,
        `--metrics-port=${this.metricsPort}`,
        '--leader-elect',
      ],
      // A container that is restarted has the name of its pod again, and so its lease.
      {
        cwd: folder,
        env: { ...process.env, MALLOC_ARENA_MAX: '1', POD_NAME: podName },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-1_000_000);
      });
    this.#child = child;
  }
}
