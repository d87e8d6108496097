import type { ApiRequest, Transport, WatchEvent } from '../../client/transport.ts';
import type { Status } from '../../generated/api/meta/v1.ts';
import { StatusError } from '../../machinery/errors/status-error.ts';
import type { Clock } from '../../std/clock.ts';
import type { Answer, AuthenticatedCall, Handler, User } from '../call.ts';
import type { ListPage } from '../pages.ts';
import { parseRequestInfo } from '../request-info.ts';
import { WatchStream } from './watch-stream.ts';

export interface InProcessOptions {
  /** Authorization and everything behind it. */
  readonly serve: Handler<AuthenticatedCall>;
  readonly user: User;
  /** Names the program in managed fields, as the User-Agent of a remote one would. */
  readonly userAgent: string;
  readonly clock: Clock;
}

const emptyBody = Buffer.alloc(0);

/** Calls the server of this process under one identity, without HTTP and without turning objects into bytes. */
export class InProcessTransport implements Transport {
  readonly #options: InProcessOptions;
  readonly #never = new AbortController().signal;

  constructor(options: InProcessOptions) {
    this.#options = options;
  }

  async request(request: ApiRequest): Promise<unknown> {
    return toResult(await this.#options.serve(this.#toCall(request)));
  }

  async *watch(request: ApiRequest): AsyncGenerator<WatchEvent> {
    const query = { ...request.query, watch: 'true' };
    const answer = await this.#options.serve(this.#toCall({ ...request, query }));
    if (answer.kind !== 'watch') {
      toResult(answer);
      throw new Error(`${request.path} cannot be watched`);
    }
    const stream = new WatchStream(answer.feed, request.signal);
    try {
      yield* stream.events();
    } finally {
      stream.close();
    }
  }

  #toCall(request: ApiRequest): AuthenticatedCall {
    const { user, userAgent, clock } = this.#options;
    const query = new URLSearchParams(request.query);
    const contentType = request.contentType ?? 'application/json';
    return {
      method: request.method,
      path: request.path,
      query,
      header: (name) => (name === 'user-agent' ? userAgent : name === 'content-type' ? contentType : undefined),
      body: async () => (request.body === undefined ? emptyBody : Buffer.from(JSON.stringify(request.body))),
      direct: { body: request.body },
      info: parseRequestInfo(request.method, decodeURI(request.path), query),
      signal: request.signal ?? this.#never,
      warnings: [],
      startedMs: clock.nowMs(),
      annotations: new Map(),
      trace: { route: undefined, waitedMs: 0 },
      user,
    };
  }
}

function toResult(answer: Answer): unknown {
  switch (answer.kind) {
    case 'object':
      if (answer.status > 399) throw StatusError.fromStatus(answer.item.object as unknown as Status, answer.status);
      return answer.item.object;
    case 'list':
      return toListObject(answer.list);
    case 'bytes':
      return fromBytes(answer.status, Buffer.isBuffer(answer.body) ? answer.body : Buffer.concat(answer.body));
    case 'watch':
      answer.feed.close();
      throw new Error('a watch was answered where none was asked for');
    default:
      throw new Error('the answer is a stream, which needs HTTP');
  }
}

/** A list object whose items are the shared, frozen ones. */
function toListObject(list: ListPage): unknown {
  const { apiVersion, kind, resourceVersion, remainingItemCount } = list;
  const metadata = {
    resourceVersion,
    ...(list.continue ? { continue: list.continue } : {}),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
  return { apiVersion, kind, metadata, items: list.items.map((item) => item.object) };
}

function fromBytes(status: number, body: Buffer): unknown {
  const text = body.toString('utf8');
  if (status > 399) throw new StatusError({ code: status, reason: '', message: text.trim() });
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
