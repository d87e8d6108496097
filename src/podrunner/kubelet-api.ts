import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../std/clock.ts';
import type { ContainerLog } from './container-log.ts';

export interface KubeletApiOptions {
  readonly cert: string;
  readonly key: string;
  /** Authority whose clients may call; others get 401. */
  readonly clientCa: string;
  /** Groups (O of the certificate), one of which the caller needs. */
  readonly allowedGroups: readonly string[];
  readonly clock: Clock;
  /** The log of a container; undefined where it does not run here. */
  findLog(namespace: string, pod: string, container: string): ContainerLog | undefined;
}

/** The part of a kubelet's API that processes can serve: logs and health. The rest is refused with a reason. */
export async function openKubeletApi(
  options: KubeletApiOptions,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { cert, key, clientCa } = options;
  const server = createServer(
    { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      void serve(options, request, response).catch((error: Error) => {
        if (!response.headersSent) answer(response, 500, error.message);
        else response.destroy();
      });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: () => closeServer(server),
  };
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

async function serve(options: KubeletApiOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!isAllowed(request.socket as TLSSocket, options.allowedGroups)) return answer(response, 401, 'Unauthorized');
  const url = new URL(request.url ?? '/', 'https://node');
  if (url.pathname === '/healthz') return answer(response, 200, 'ok');
  const [, verb, namespace, pod, container] = url.pathname.split('/').map(decodeURIComponent);
  if (verb !== 'containerLogs') {
    return answer(
      response,
      501,
      `${verb ?? ''} is not supported: pods of this node are plain processes of its machine; logs are served\n`,
    );
  }
  const log = options.findLog(namespace ?? '', pod ?? '', container ?? '');
  if (log === undefined) return answer(response, 404, `container "${container}" in pod "${pod}" is not running here\n`);
  await sendLog(log, url.searchParams, response, options.clock.nowMs());
}

function isAllowed(socket: TLSSocket, groups: readonly string[]): boolean {
  if (!socket.authorized) return false;
  const { O: organization } = socket.getPeerCertificate().subject ?? {};
  const held = Array.isArray(organization) ? organization : [organization];
  return groups.some((group) => held.includes(group));
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(text);
}

/** Options as a kubelet takes them. Source: pkg/kubelet/server/server.go (getContainerLogs). */
async function sendLog(
  log: ContainerLog,
  query: URLSearchParams,
  response: ServerResponse,
  nowMs: number,
): Promise<void> {
  const timestamps = query.get('timestamps') === 'true';
  const tail = query.has('tailLines') ? Number(query.get('tailLines')) : undefined;
  const since = query.get('sinceTime') ?? sinceText(query.get('sinceSeconds'), nowMs);
  const follow = query.get('follow') === 'true';
  let left = query.has('limitBytes') ? Number(query.get('limitBytes')) : Number.POSITIVE_INFINITY;
  const send = (line: string): void => {
    const space = line.indexOf(' ');
    if (since !== undefined && line.slice(0, space) < since) return;
    const text = Buffer.from(`${timestamps ? `${line.slice(0, space)} ` : ''}${line.slice(line.indexOf(' F ') + 3)}\n`);
    response.write(text.length > left ? text.subarray(0, left) : text);
    left -= text.length;
    if (left <= 0) response.end();
  };
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.flushHeaders();
  // Lines that come while the file is read are kept and sent after it, once each.
  const later: string[] = [];
  let live = false;
  const unfollow = follow ? log.follow((line) => (live ? send(line) : later.push(line))) : undefined;
  const kept: string[] = [];
  for await (const line of log.read()) {
    kept.push(line);
    if (tail !== undefined && kept.length > tail) kept.shift();
  }
  const lastKept = kept.at(-1);
  for (const line of kept) if (left > 0) send(line);
  for (const line of later) if (left > 0 && (lastKept === undefined || line > lastKept)) send(line);
  live = true;
  if (unfollow === undefined || left <= 0) {
    response.end();
    return;
  }
  response.on('close', unfollow);
}

function sinceText(seconds: string | null, nowMs: number): string | undefined {
  if (seconds === null) return undefined;
  return new Date(nowMs - Number(seconds) * 1000).toISOString();
}
