import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { NodeDialer } from '../apiserver/proxy/node-dialer.ts';
import { createAuthority, issueCertificate } from '../pki/certificate.ts';
import { systemClock } from '../std/clock.ts';
import type { AskingServer } from './asking-server.ts';

/** What a server in a pod was asked. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** The common name of the client's certificate, where it showed one. */
  readonly client: string | undefined;
}

export type Reaction = (asked: Asked, response: ServerResponse) => void | Promise<void>;

/** An HTTPS server that stands for a pod's. */
export interface PodServer {
  readonly port: number;
  /** Authority of its certificate, in PEM. */
  readonly caPem: string;
  readonly asked: Asked[];
  /** What it does with the next requests. */
  react: Reaction;
  /** How often somebody connected. */
  connections: number;
  onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  close(): Promise<void>;
}

/** @param options.clientCaPem - Clients may show certificates of this authority. */
export async function openPodServer(
  serverName: string,
  options: { readonly clientCaPem?: string } = {},
): Promise<PodServer> {
  const nowMs = systemClock.nowMs();
  const authority = createAuthority('webhook-ca', { nowMs });
  const { chainPem, keyPem } = issueCertificate(
    authority,
    { commonName: serverName, organizations: [], usages: ['server'], names: [serverName] },
    { nowMs },
  );
  const client = options.clientCaPem === undefined ? {} : { ca: options.clientCaPem, requestCert: true };
  const server = createServer(
    { cert: chainPem, key: keyPem, rejectUnauthorized: false, ...client },
    async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = '', url = '', headers, rawHeaders } = request;
      const { authorized, getPeerCertificate } = request.socket as never as import('node:tls').TLSSocket;
      const name = authorized ? String(getPeerCertificate.call(request.socket).subject?.CN) : undefined;
      const asked = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString('utf8'), client: name };
      pod.asked.push(asked);
      await pod.react(asked, response);
    },
  );
  server.on('secureConnection', () => {
    pod.connections += 1;
  });
  server.on('upgrade', (request, socket, head) => pod.onUpgrade?.(request, socket, head));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pod: PodServer = {
    port: (server.address() as AddressInfo).port,
    caPem: authority.certPem,
    asked: [],
    connections: 0,
    react: (_, response) => void response.end('{}'),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return pod;
}

/** Leads every address of a cluster's pods to one local port, and keeps what was dialled. */
export function dialerTo(port: () => number): NodeDialer & { readonly dialled: string[] } {
  const dialled: string[] = [];
  return {
    dialled,
    async dial(node, host, wanted) {
      dialled.push(`${node} ${host}:${wanted}`);
      const socket = connect(port(), '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    },
  };
}

/** Makes a service with one pod behind it, as the controllers would. */
export async function makeService(
  { ask }: AskingServer,
  { name, namespace = 'default', ip = '10.42.0.9' }: { name: string; namespace?: string; ip?: string },
): Promise<void> {
  const post = async (target: string, body: unknown): Promise<void> => {
    const { status, body: answer } = await ask({ method: 'POST', target, body });
    if (status !== 201) throw new Error(JSON.stringify(answer));
  };
  const root = `/api/v1/namespaces/${namespace}`;
  const ports = [{ port: 443, targetPort: 8443 }];
  await post(`${root}/services`, { metadata: { name }, spec: { selector: { app: name }, ports } });
  const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], serviceAccountName: 'default' };
  await ask({ method: 'POST', target: `${root}/serviceaccounts`, body: { metadata: { name: 'default' } } });
  await post(`${root}/pods`, { metadata: { name: `${name}-pod` }, spec });
  const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }] };
  const patched = await ask({
    method: 'PATCH',
    target: `${root}/pods/${name}-pod/status`,
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { status },
  });
  if (patched.status !== 200) throw new Error(JSON.stringify(patched.body));
  await post(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
    metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [
      { addresses: [ip], conditions: { ready: true }, targetRef: { kind: 'Pod', namespace, name: `${name}-pod` } },
    ],
    ports: [{ name: '', port: 8443, protocol: 'TCP' }],
  });
}
