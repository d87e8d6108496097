import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Call, CallTrace, RawExchange } from '../call.ts';
import { parseRequestInfo, type RequestInfo } from '../request-info.ts';
import { readBody } from './read-body.ts';

const noBytes = Buffer.alloc(0);

export interface ExchangeParts {
  readonly request: IncomingMessage;
  /** Absent for an upgrade. */
  readonly response?: ServerResponse | undefined;
  readonly head?: Buffer | undefined;
  readonly startedMs: number;
}

/** A request that came over the wire. What few calls need (query, meaning, signal) is made when first asked for. */
export class HttpCall implements Call {
  readonly method: string;
  readonly path: string;
  readonly startedMs: number;
  readonly warnings: string[] = [];
  readonly answerHeaders: Record<string, string> = {};
  readonly raw: RawExchange;
  readonly trace: CallTrace = { route: undefined, waitedMs: 0, bodyBytes: undefined };
  readonly #search: string;
  readonly #request: IncomingMessage;
  #query: URLSearchParams | undefined;
  #info: RequestInfo | undefined;
  #body: Promise<Buffer> | undefined;
  #annotations: Map<string, string> | undefined;
  #controller: AbortController | undefined;

  /** @throws URIError where the path is not well-formed. */
  constructor(parts: ExchangeParts) {
    const { request, response } = parts;
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    this.method = request.method ?? 'GET';
    this.path = path.includes('%') ? decodeURIComponent(path) : path;
    this.startedMs = parts.startedMs;
    this.raw = { request, response, socket: request.socket as Duplex, head: parts.head ?? noBytes };
    this.#search = mark < 0 ? '' : url.slice(mark + 1);
    this.#request = request;
  }

  get query(): URLSearchParams {
    this.#query ??= parseQuery(this.#search);
    return this.#query;
  }

  get info(): RequestInfo {
    this.#info ??= parseRequestInfo(this.method, this.path, this.query);
    return this.#info;
  }

  get annotations(): Map<string, string> {
    this.#annotations ??= new Map();
    return this.#annotations;
  }

  get rawHeaders(): readonly string[] {
    return this.#request.rawHeaders;
  }

  get signal(): AbortSignal {
    this.#controller ??= abortWithClient(this.raw);
    return this.#controller.signal;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  body(): Promise<Buffer> {
    this.#body ??= this.#readBody();
    return this.#body;
  }

  async #readBody(): Promise<Buffer> {
    const body = await readBody(this.#request);
    this.trace.bodyBytes = body.length;
    return body;
  }
}

/** Aborts once the client goes away before it has its answer. */
function abortWithClient({ response, socket }: RawExchange): AbortController {
  const controller = new AbortController();
  const source = response ?? socket;
  const abort = (): void => {
    // A finished answer closes too, and an abort costs an exception with its stack.
    if (response?.writableFinished !== true) controller.abort(new DOMException('the client went away', 'AbortError'));
  };
  if (source.destroyed) abort();
  else source.once('close', abort);
  return controller;
}

/** As Go reads queries: pairs that are not well-formed are left out. Source: net/url `parseQuery`. */
function parseQuery(search: string): URLSearchParams {
  if (!/%(?![0-9a-fA-F]{2})|;/.test(search)) return new URLSearchParams(search);
  const good = search.split('&').filter((pair) => !/%(?![0-9a-fA-F]{2})|;/.test(pair));
  return new URLSearchParams(good.join('&'));
}
