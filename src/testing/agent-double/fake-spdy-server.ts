import type { Duplex } from 'node:stream';
import { SpdyConnection } from './spdy-connection.ts';

/** How a command ended. */
export interface Outcome {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly code: number;
}

/** What a container does when it is told to run something; `stdin` is there once the client has ended it. */
export type Command = (words: readonly string[], stdin: Promise<Buffer>) => Promise<Outcome>;

/** `exit` fails with code 7, `big` writes much, and all else, attaching too, gives stdin back once it has ended. */
export const runCanned: Command = async ([name], stdin) => {
  const nothing = Buffer.alloc(0);
  if (name === 'exit') return { stdout: nothing, stderr: nothing, code: 7 };
  if (name === 'big') return { stdout: Buffer.alloc(3_000_000, 'z'), stderr: nothing, code: 0 };
  return { stdout: Buffer.concat([Buffer.from('out: '), await stdin]), stderr: Buffer.from('err'), code: 0 };
};

/** The kubelet's side of exec and attach over SPDY, for tests. With a terminal, it ends when that has 80 columns. */
export class FakeSpdyServer {
  readonly #socket: Duplex;
  readonly #connection: SpdyConnection;
  readonly #streams = new Map<string, number>();
  readonly #query: URLSearchParams;
  readonly #run: Command;
  readonly #stdin = Promise.withResolvers<Buffer>();
  readonly #resized = Promise.withResolvers<void>();
  readonly #input: Buffer[] = [];
  #begun = false;

  /** @param url - As the kubelet was asked; the command is in its query. */
  constructor(socket: Duplex, head: Buffer, url: string, run: Command = runCanned) {
    this.#socket = socket;
    this.#query = new URL(url, 'https://kubelet').searchParams;
    this.#run = run;
    if (!this.#isWanted('stdin')) this.#stdin.resolve(Buffer.alloc(0));
    this.#connection = new SpdyConnection(socket, head, {
      onStream: (stream, headers) => {
        this.#streams.set(headers['streamtype'] ?? '', stream);
        this.#begin();
      },
      onData: (stream, data) => this.#take(stream, data),
      onEnd: (stream) => {
        if (stream === this.#streams.get('stdin')) this.#stdin.resolve(Buffer.concat(this.#input));
      },
    });
  }

  #begin(): void {
    const expected = ['error', 'stdin', 'stdout', 'stderr', 'resize'].filter((name) => this.#isWanted(name));
    if (this.#begun || !expected.every((name) => this.#streams.has(name))) return;
    this.#begun = true;
    void this.#perform();
  }

  async #perform(): Promise<void> {
    const { stdout, stderr, code } = await this.#run(this.#query.getAll('command'), this.#stdin.promise);
    this.#write('stdout', stdout);
    this.#write('stderr', stderr);
    if (this.#isWanted('resize')) await this.#resized.promise;
    this.#finish(code);
  }

  #isWanted(stream: string): boolean {
    const parameter = { stdin: 'input', stdout: 'output', stderr: 'error', resize: 'tty' }[stream];
    return parameter === undefined || this.#query.get(parameter) === '1';
  }

  #take(stream: number, data: Buffer): void {
    if (stream !== this.#streams.get('resize')) {
      this.#input.push(data);
      return;
    }
    const { Width, Height } = JSON.parse(data.toString());
    if (Width === 80 && Height === 24) this.#resized.resolve();
  }

  /** As kubelets do: the outcome, then all streams are reset. */
  #finish(code: number): void {
    this.#write('error', Buffer.from(code === 0 ? '{"metadata":{},"status":"Success"}' : failure(code)));
    for (const stream of this.#streams.values()) this.#connection.reset(stream);
    setTimeout(() => this.#socket.end(), 5);
  }

  #write(name: string, data: Buffer): void {
    const stream = this.#streams.get(name);
    if (stream !== undefined) this.#connection.write(stream, data);
  }
}

const failure = (code: number): string =>
  JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: `${code}` }] },
  });
