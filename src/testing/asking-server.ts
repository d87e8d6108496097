import { type ApiServer, createApiServer } from '../apiserver/api-server.ts';
import type { Call, WireAnswer } from '../apiserver/call.ts';
import { createDiscoveryPaths } from '../apiserver/discovery/discovery.ts';
import { parseRequestInfo } from '../apiserver/request-info.ts';
import type { ApiServerOptions } from '../apiserver/server-options.ts';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import { builtinResources } from '../resources/index.ts';
import { systemClock } from '../std/clock.ts';
import { type Logger, silentLogger } from '../telemetry/logger.ts';

export interface Question {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
}

export interface Reply {
  readonly status: number;
  readonly warnings: readonly string[];
  /** What JSON there is, else the text. */
  readonly body: unknown;
}

export interface AskingServer {
  readonly server: ApiServer;
  /** Asks as an administrator, without a socket. */
  ask(question: Question): Promise<Reply>;
  close(): void;
}

/** The whole server in memory, to be asked by tests that care for answers only. @param more - Other parts than the usual ones. */
export async function startAskingServer(
  logger: Logger = silentLogger,
  more: Partial<ApiServerOptions> = {},
): Promise<AskingServer> {
  const stop = new AbortController();
  const server = await createApiServer({
    backend: await openMemoryBackend(),
    clock: systemClock,
    logger,
    definitions: builtinResources(),
    authenticator: {
      authenticate: async () => ({ name: 'admin', groups: ['system:masters', 'system:authenticated'] }),
    },
    tokenIssuer: { issue: () => ({ token: 't', expirationMs: 0 }) } as never,
    readRequestSubject: () => ({ commonName: '', organizations: [] }),
    otherPaths: ({ catalog }) => createDiscoveryPaths({ catalog, serverAddress: '127.0.0.1:6443' }),
    ...more,
  });
  await server.start(stop.signal);
  return {
    server,
    async ask(question) {
      const call = toCall(question);
      const answer = await server.handle(call);
      return { status: 'status' in answer ? answer.status : 0, warnings: call.warnings, body: readBody(answer) };
    },
    close() {
      stop.abort();
      server.close();
    },
  };
}

function toCall({ method, target, headers = {}, body }: Question): Call {
  const [rawPath = '', search = ''] = target.split(/\?(.*)/s);
  const path = decodeURIComponent(rawPath);
  const query = new URLSearchParams(search);
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const all: Record<string, string> = { 'user-agent': 'test/1', 'content-type': 'application/json', ...headers };
  return {
    method,
    path,
    query,
    header: (name) => all[name],
    body: async () => Buffer.from(text),
    info: parseRequestInfo(method, path, query),
    signal: new AbortController().signal,
    warnings: [],
    startedMs: systemClock.nowMs(),
    annotations: new Map(),
  };
}

/** Of streams, what is there at once. */
function readBody(answer: WireAnswer): unknown {
  const chunks: Buffer[] = [];
  if (answer.kind === 'bytes') chunks.push(...(Buffer.isBuffer(answer.body) ? [answer.body] : answer.body));
  if (answer.kind === 'stream') {
    const gone = new AbortController();
    answer.start({ write: (chunk) => chunks.push(chunk) > 0, drained: async () => {}, end: () => {} }, gone.signal);
    gone.abort();
  }
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
