/** A way to an API server that is as bad as networks and overloaded servers are: some calls fail, some lose their answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ServerAccess } from '../src/client/kubeconfig.ts';
import { createAuthority, issueCertificate } from '../src/pki/certificate.ts';

export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** PEM of the authority that signed its certificate. */
  readonly ca: string;
  /** Calls that came, those of them for a lease, and those that were made to fail. */
  readonly calls: { total: number; leases: number; failed: number };
}

/**
 * Passes calls on with the credentials that they carry. A call fails with the probability `rate`: a quarter each is
 * answered with 500 or 429, is cut off before it was passed on, or after, when nobody learns what became of it.
 * A watch that fails is cut off while it runs.
 */
export async function startFaultProxy(
  { server, ca, tlsServerName }: Pick<ServerAccess, 'server' | 'ca' | 'tlsServerName'>,
  { rate, random }: { readonly rate: number; readonly random: () => number },
): Promise<FaultProxy> {
  const nowMs = Date.now();
  const authority = createAuthority('fault-proxy', { nowMs });
  const subject = { commonName: 'proxy', organizations: [], usages: ['server' as const], names: ['127.0.0.1'] };
  const { chainPem: cert, keyPem: key } = issueCertificate(authority, subject, { nowMs });
  const agent = new Agent({ keepAlive: true, ca, ...(tlsServerName ? { servername: tlsServerName } : {}) });
  const calls = { total: 0, leases: 0, failed: 0 };
  const proxy = createServer({ cert, key }, (incoming, response) => {
    calls.total++;
    if (/\/leases(\/|$)/.test(incoming.url ?? '')) calls.leases++;
    const fault = random() < rate ? Math.floor(random() * 4) : undefined;
    if (fault !== undefined) calls.failed++;
    if (fault === 0 || fault === 1) return fail(response, fault === 0 ? 500 : 429);
    if (fault === 2) return incoming.socket.destroy();
    pass(incoming, response, fault === 3);
  });

  function pass(incoming: IncomingMessage, response: ServerResponse, isCut: boolean): void {
    const { method, url = '/', headers } = incoming;
    const isWatch = /[?&]watch=(true|1)/.test(url);
    const outgoing = request(new URL(url, server), { method, headers, agent }, (answer) => {
      if (isCut && !isWatch) {
        answer.resume();
        incoming.socket.destroy();
        return;
      }
      if (isCut) setTimeout(() => incoming.socket.destroy(), 1000 + random() * 9000).unref();
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    outgoing.on('error', () => incoming.socket.destroy());
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    ca: authority.certPem,
    calls,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

function fail(response: ServerResponse, code: 500 | 429): void {
  const reason = code === 500 ? 'InternalError' : 'TooManyRequests';
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: reason, reason, code };
  response.writeHead(code, { 'Content-Type': 'application/json', ...(code === 429 ? { 'Retry-After': '1' } : {}) });
  response.end(JSON.stringify(status));
}
