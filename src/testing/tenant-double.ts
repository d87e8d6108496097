import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { text as textOf } from 'node:stream/consumers';

interface StoredSecret {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly data?: Record<string, string>;
}

/** What a simulated tenant keeps: Secrets of `kube-system` by name. It outlives the pods that serve it. */
export type TenantStore = Map<string, StoredSecret>;

const SECRETS = '/api/v1/namespaces/kube-system/secrets';

/**
 * A few lines in place of a tenant's server: they answer what the operator asks. It is ready, has no nodes, takes any token
 * for its new one, and keeps Secrets of `kube-system`, whoever asks.
 */
export function createTenantDouble(tls: { readonly cert: string; readonly key: string }, store: TenantStore): Server {
  // Connections are kept for as long as by a real server.
  return createServer({ ...tls, keepAliveTimeout: 90_000 }, (request, response) => {
    answer(request, response, store).catch(() => response.writeHead(500).end());
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, store: TenantStore): Promise<void> {
  const path = request.url?.split('?')[0] ?? '';
  if (path === '/readyz' || path === '/v1-k3s/token')
    return void response.writeHead(200, { 'Content-Type': 'text/plain' }).end('ok');
  const send = (code: number, body: object): void => {
    response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  };
  const list = (items: readonly unknown[]) => ({ metadata: { resourceVersion: '1' }, items });
  if (path === '/api/v1/nodes') return send(200, { kind: 'NodeList', apiVersion: 'v1', ...list([]) });
  if (path !== SECRETS && !path.startsWith(`${SECRETS}/`)) return send(404, toFailure(404, 'NotFound'));
  const body = request.method === 'GET' ? undefined : (JSON.parse((await textOf(request)) || '{}') as StoredSecret);
  if (path === SECRETS) {
    if (body === undefined) return send(200, { kind: 'SecretList', apiVersion: 'v1', ...list([...store.values()]) });
    if (store.has(body.metadata.name)) return send(409, toFailure(409, 'AlreadyExists'));
    store.set(body.metadata.name, body);
    return send(201, body);
  }
  const name = path.slice(SECRETS.length + 1);
  const found = store.get(name);
  if (found === undefined) return send(404, toFailure(404, 'NotFound'));
  if (request.method === 'DELETE') store.delete(name);
  else if (request.method === 'PATCH') store.set(name, merge(found, body) as StoredSecret);
  send(200, store.get(name) ?? found);
}

/** Source: RFC 7396. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof target === 'object' && target !== null ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

function toFailure(code: number, reason: string) {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: reason, reason, code };
}
