import {
  Agent,
  type ClientRequest,
  type ClientRequestArgs,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import type { Duplex } from 'node:stream';

/** Opens a connection; the signal counts until it stands. */
export type OpenConnection = (signal: AbortSignal) => Promise<Duplex>;

const MAX_IDLE = 4;
/** Servers that close idle connections themselves mostly wait longer. Source: Go's `http.DefaultTransport` waits 90 s. */
const IDLE_MS = 30_000;

export interface AgentRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** Flat list of names and values, instead of `headers`. */
  readonly rawHeaders?: readonly string[] | undefined;
  readonly body?: Buffer | undefined;
  readonly signal: AbortSignal;
}

export interface AgentAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Asks one server over connections that are kept for a while. */
export class WorkloadAgent {
  readonly #agent: KeepingAgent;

  constructor(open: OpenConnection) {
    this.#agent = new KeepingAgent(open);
  }

  /**
   * Sends a request and reads the whole answer.
   * @throws Error of the connection, or the signal's reason
   */
  async ask(request: AgentRequest): Promise<AgentAnswer> {
    for (;;) {
      const { signal } = request;
      signal.throwIfAborted();
      const sent = this.send(request);
      sent.end(request.body);
      try {
        return await readAnswer(sent);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!wasStale(sent, error)) throw error;
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Begins a request, whose body and answer flow as they come. */
  send({ method, path, headers = {}, rawHeaders, body, signal }: AgentRequest): ClientRequest {
    const length = body === undefined ? {} : { 'Content-Length': String(body.length) };
    const options = {
      method,
      path,
      headers: { ...headers, ...length } as OutgoingHttpHeaders,
      agent: this.#agent,
      setHost: false,
      signal,
      openSignal: signal,
    };
    const sent = httpRequest(options);
    for (let index = 0; rawHeaders !== undefined && index + 1 < rawHeaders.length; index += 2) {
      sent.appendHeader(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
    }
    return sent;
  }
}

/** Whether the server has closed a kept connection at the moment when it was needed again. */
export function wasStale(sent: ClientRequest, error: unknown): boolean {
  const { code } = error as { code?: string };
  return sent.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
}

function readAnswer(sent: ClientRequest): Promise<AgentAnswer> {
  return new Promise((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) sent.destroy(new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`));
      });
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
  });
}

/** Node's agent, for streams that are no sockets of the system's. */
class KeepingAgent extends Agent {
  readonly #open: OpenConnection;
  readonly #ends = new WeakMap<Duplex, () => void>();

  constructor(open: OpenConnection) {
    super({ keepAlive: true, maxFreeSockets: MAX_IDLE });
    this.#open = open;
  }

  override createConnection(
    options: ClientRequestArgs,
    done: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { openSignal } = options as { openSignal?: AbortSignal };
    this.#open(openSignal ?? AbortSignal.timeout(IDLE_MS)).then(
      (stream) => done(null, stream),
      (error: Error) => (done as (error: Error) => void)(error),
    );
    return undefined;
  }

  override keepSocketAlive(stream: IdleStream): boolean {
    const end = (): void => void stream.destroy();
    this.#ends.set(stream, end);
    stream.setTimeout?.(IDLE_MS, end);
    return true;
  }

  override reuseSocket(stream: IdleStream, request: ClientRequest): void {
    stream.setTimeout?.(0, this.#ends.get(stream));
    stream.ref ??= () => {};
    super.reuseSocket(stream, request);
  }
}

/** A stream with what Node's agent expects of sockets. */
interface IdleStream extends Duplex {
  setTimeout?(timeoutMs: number, call?: () => void): void;
  ref?(): void;
}
