import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { FakePortForward } from './fake-port-forward.ts';
import { type Command, FakeSpdyServer, type LiveCommand } from './fake-spdy-server.ts';

const SPOKEN = ['v4.channel.k8s.io', 'portforward.k8s.io'];

export interface KubeletDoubleOptions {
  readonly cert: string;
  readonly key: string;
  /** Who may call: clients of this authority, as kubelets demand. */
  readonly clientCa: string;
  /** What containers run. Default: `runCanned`. */
  readonly run?: Command | undefined;
  /** Asked first: commands whose streams flow while they run. */
  readonly start?: LiveCommand | undefined;
  /** Local port that stands for every port of every pod. */
  readonly podPort: number;
  /** Told when nobody is attached to a container any more. */
  onDetach?(namespace: string, pod: string): void;
}

export interface KubeletDouble {
  readonly port: number;
  /** Paths with queries that were asked for, in order. */
  readonly asked: readonly string[];
  /** Sends whoever asks for anything there instead, as a kubelet that lies; undefined: not. */
  redirect: string | undefined;
  /** Adds a line to the logs that are followed. */
  say(line: string): void;
  close(): Promise<void>;
}

/** A kubelet's API on loopback: health, `/bulk?bytes=` of nothing in particular, logs that can be followed; exec, attach and port-forward over SPDY. */
export async function openKubeletDouble(options: KubeletDoubleOptions): Promise<KubeletDouble> {
  const asked: string[] = [];
  const lie: { redirect: string | undefined } = { redirect: undefined };
  const followers = new Set<ServerResponse>();
  const server = createServer(
    {
      cert: options.cert,
      key: options.key,
      ca: options.clientCa,
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      const url = new URL(request.url ?? '/', 'https://kubelet');
      asked.push(request.url ?? '');
      if (lie.redirect !== undefined) {
        response.writeHead(302, { Location: lie.redirect }).end();
        return;
      }
      if (url.pathname === '/healthz') {
        response.end('ok');
        return;
      }
      if (url.pathname === '/bulk') {
        writeBulk(response, Number(url.searchParams.get('bytes')));
        return;
      }
      const [, namespace, pod, container] = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(url.pathname) ?? [];
      if (namespace === undefined) {
        response.writeHead(404).end('404 page not found\n');
        return;
      }
      response.write(`log of ${namespace}/${pod}/${container}\n`);
      if (url.searchParams.get('follow') !== 'true') {
        response.end();
        return;
      }
      followers.add(response);
      response.on('close', () => followers.delete(response));
    },
  );
  server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
    const { url = '', headers } = request;
    asked.push(url);
    if (lie.redirect !== undefined) {
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ${lie.redirect}\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const offered = String(headers['x-stream-protocol-version']).split(',');
    const protocol = offered.map((each) => each.trim()).find((each) => SPOKEN.includes(each)) ?? '';
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
    );
    if (url.startsWith('/portForward/')) {
      new FakePortForward(socket, head, options.podPort);
      return;
    }
    new FakeSpdyServer(socket, head, url, options);
    const [, namespace = '', pod] = /^\/attach\/([^/]+)\/([^/]+)\//.exec(url) ?? [];
    if (pod !== undefined) socket.on('close', () => options.onDetach?.(namespace, pod));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    get redirect() {
      return lie.redirect;
    },
    set redirect(url) {
      lie.redirect = url;
    },
    say(line) {
      for (const follower of followers) follower.write(`${line}\n`);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function writeBulk(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, 'b');
  let left = bytes;
  const more = (): void => {
    while (left > 0) {
      const size = Math.min(left, chunk.length);
      left -= size;
      if (!response.write(size === chunk.length ? chunk : chunk.subarray(0, size))) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}
