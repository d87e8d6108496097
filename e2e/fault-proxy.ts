/** A way to an API server that is as bad as networks and overloaded servers are: calls fail, are late, or lose their answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ServerAccess } from '../src/client/kubeconfig.ts';
import { createAuthority, issueCertificate } from '../src/pki/certificate.ts';

/** What happens to a call that does not go well. */
export type Fault =
  /** Answered with a failure before anything was done. */
  | 'error'
  | 'unavailable'
  | 'too-many'
  /** Only of writes: somebody else was first. */
  | 'conflict'
  /** Cut off before it was passed on, or after, when nobody learns what became of it. */
  | 'cut-before'
  | 'cut-after'
  /** Late by seconds, and then well. */
  | 'slow'
  /** A watch that breaks, ends in order, or is said to be too old, at once or while it runs. */
  | 'watch-cut'
  | 'watch-end'
  | 'watch-expired'
  | 'watch-expires';

const ofReads: readonly Fault[] = ['error', 'unavailable', 'too-many', 'cut-before', 'cut-after', 'slow'];
const ofWrites: readonly Fault[] = [...ofReads, 'conflict'];
const ofWatches: readonly Fault[] = ['error', 'too-many', 'watch-cut', 'watch-end', 'watch-expired', 'watch-expires'];

/** Of calls, by what they do, such as `PATCH secrets`; `LIST` and `WATCH` are told from `GET`. */
export type CallCounts = Readonly<Record<string, number>>;

export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** PEM of the authority that signed its certificate. */
  readonly ca: string;
  /** Calls that came, those of them for a lease, and those that were made to fail. */
  readonly calls: { total: number; leases: number; failed: number };
  readonly faults: Partial<Record<Fault, number>>;
  /** All that came so far but for leases. */
  counts(): CallCounts;
}

export interface FaultOptions {
  /** How probable it is that a call fails, or a watch. */
  readonly rate: number;
  readonly random: () => number;
  /** Texts of logs in place of the server's, by URL: a server without machines has none. */
  readonly instead?: ((url: string) => Promise<string | undefined>) | undefined;
}

/** Passes calls on with the credentials that they carry; each fails with the probability `rate`, in one of many ways. */
export async function startFaultProxy(
  { server, ca, tlsServerName }: Pick<ServerAccess, 'server' | 'ca' | 'tlsServerName'>,
  { rate, random, instead = async () => undefined }: FaultOptions,
): Promise<FaultProxy> {
  const nowMs = Date.now();
  const authority = createAuthority('fault-proxy', { nowMs });
  const subject = { commonName: 'proxy', organizations: [], usages: ['server' as const], names: ['127.0.0.1'] };
  const { chainPem: cert, keyPem: key } = issueCertificate(authority, subject, { nowMs });
  const agent = new Agent({ keepAlive: true, ca, ...(tlsServerName ? { servername: tlsServerName } : {}) });
  const calls = { total: 0, leases: 0, failed: 0 };
  const faults: Partial<Record<Fault, number>> = {};
  const counted = new Map<string, number>();

  const proxy = createServer({ cert, key }, (incoming, response) => {
    const { method = 'GET', url = '/' } = incoming;
    const isWatch = /[?&]watch=(true|1)/.test(url);
    calls.total++;
    if (/\/leases(\/|$)/.test(url)) calls.leases++;
    else {
      const what = nameOf(method, url, isWatch);
      counted.set(what, (counted.get(what) ?? 0) + 1);
    }
    const kinds = isWatch ? ofWatches : method === 'GET' ? ofReads : ofWrites;
    const fault = random() < rate ? kinds[Math.floor(random() * kinds.length)] : undefined;
    if (fault !== undefined) {
      calls.failed++;
      faults[fault] = (faults[fault] ?? 0) + 1;
    }
    switch (fault) {
      case 'error':
        return fail(response, 500, 'InternalError');
      case 'unavailable':
        return fail(response, 503, 'ServiceUnavailable');
      case 'too-many':
        return fail(response, 429, 'TooManyRequests');
      case 'conflict':
        return fail(response, 409, 'Conflict');
      case 'watch-expired':
        return fail(response, 410, 'Expired');
      case 'cut-before':
        return void incoming.socket.destroy();
      case 'slow':
        return void setTimeout(() => pass(incoming, response), 1_000 + random() * 9_000).unref();
      default:
        if (!url.includes('/log')) return pass(incoming, response, fault);
        instead(url).then(
          (text) => {
            if (text === undefined) pass(incoming, response, fault);
            else response.writeHead(200, { 'Content-Type': 'text/plain' }).end(text);
          },
          () => fail(response, 500, 'InternalError'),
        );
    }
  });

  function pass(incoming: IncomingMessage, response: ServerResponse, fault?: Fault): void {
    const { method, url = '/', headers } = incoming;
    const outgoing = request(new URL(url, server), { method, headers, agent }, (answer) => {
      if (fault === 'cut-after') {
        answer.resume();
        incoming.socket.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
      if (fault !== undefined) setTimeout(() => endWatch(answer, response, fault), 1000 + random() * 9000).unref();
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
    faults,
    counts: () => Object.fromEntries([...counted].sort(([a], [b]) => (a < b ? -1 : 1))),
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

/** Breaks a watch that runs. Between two lines, or in the middle of one: that is as it comes. */
function endWatch(answer: IncomingMessage, response: ServerResponse, fault: Fault): void {
  answer.unpipe(response);
  answer.destroy();
  if (fault === 'watch-cut') response.destroy();
  else if (fault === 'watch-expires') {
    const object = toStatus(410, 'Expired');
    response.end(`\n${JSON.stringify({ type: 'ERROR', object })}\n`);
  } else response.end();
}

/** `PATCH secrets`, `PATCH virtualclusters/status`, `LIST pods`. */
function nameOf(method: string, url: string, isWatch: boolean): string {
  const [path = ''] = url.split('?');
  const found = /^\/(?:api|apis\/[^/]+)\/[^/]+\/(?:namespaces\/[^/]+\/)?([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?$/.exec(
    path,
  );
  if (found === null) return `${method} ${path}`;
  const [, resource, name, subresource] = found;
  const verb = isWatch ? 'WATCH' : method === 'GET' && name === undefined ? 'LIST' : method;
  return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}

function toStatus(code: number, reason: string) {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `made up: ${reason}`,
    reason,
    code,
  };
}

function fail(response: ServerResponse, code: number, reason: string): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...(code === 429 ? { 'Retry-After': '1' } : {}) });
  response.end(JSON.stringify(toStatus(code, reason)));
}
