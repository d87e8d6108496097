import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHttpTransport, type HttpTransport } from '../client/http-transport.ts';
import type { ApiRequest, Transport } from '../client/transport.ts';
import type { Clock } from '../std/clock.ts';

/** What the host gives to each pod with an identity. */
export interface PodAccess {
  /** Such as `https://10.43.0.1:443`. */
  readonly server: string;
  /** With `token`, `ca.crt` and `namespace`. */
  readonly folder: string;
}

/**
 * A host that says nothing for so long will not answer any more, and whoever waits holds up the tenants behind it. Servers
 * themselves give up after a minute. Source: apiserver `pkg/server/config.go` (RequestTimeout).
 */
export const TIMEOUT_MS = 65_000;
/** Tokens are replaced long before they end, authorities with a long overlap. Source: client-go `transport/token_source.go`. */
const FRESH_MS = 60_000;

/**
 * A transport to the host cluster with the identity of our own pod, whose token and authorities change while it runs.
 * The Kubernetes client library, which does this as well, takes more memory than all else of the operator.
 */
export function openPodTransport(
  { server, folder }: PodAccess,
  { clock }: { readonly clock: Clock },
): { readonly transport: Transport; readonly namespace: string } {
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
  const state: { readMs: number; token: string; ca: string; open?: HttpTransport } = { readMs: 0, token: '', ca: '' };
  function current(): HttpTransport {
    const nowMs = clock.nowMs();
    if (state.open !== undefined && nowMs - state.readMs < FRESH_MS) return state.open;
    const ca = read('ca.crt');
    Object.assign(state, { readMs: nowMs, token: read('token') });
    if (state.open !== undefined && ca === state.ca) return state.open;
    state.open?.close();
    state.ca = ca;
    state.open = createHttpTransport({
      server,
      ca,
      token: () => state.token,
      userAgent: 'warren-operator',
      timeoutMs: TIMEOUT_MS,
    });
    return state.open;
  }
  const transport: Transport = {
    request: async (request: ApiRequest) => await current().request(request),
    watch: (request: ApiRequest) => current().watch(request),
  };
  return { transport, namespace: read('namespace') };
}
