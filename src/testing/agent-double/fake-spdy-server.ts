import type { Duplex, Readable, Writable } from 'node:stream';
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

/** A command whose streams flow while it runs, as those of a child process. */
export interface LiveProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Its exit code, once all of its output has been read. */
  readonly exited: Promise<number>;
  /** The client has gone before it ended. */
  kill(): void;
}

/** Starts what a container runs; undefined leaves it to the `Command`. */
export type LiveCommand = (words: readonly string[]) => LiveProcess | undefined;

/** The kubelet's side of exec and attach over SPDY, for tests. With a terminal, it ends when that has 80 columns. */
export class FakeSpdyServer {
  readonly #socket: Duplex;
  readonly #connection: SpdyConnection;
  readonly #streams = new Map<string, number>();
  readonly #query: URLSearchParams;
  readonly #run: Command;
  readonly #start: LiveCommand;
  #live: LiveProcess | undefined;
  readonly #stdin = Promise.withResolvers<Buffer>();
  readonly #resized = Promise.withResolvers<void>();
  readonly #input: Buffer[] = [];
  #begun = false;

  /** @param url - As the kubelet was asked; the command is in its query. */
  constructor(
    socket: Duplex,
    head: Buffer,
    url: string,
    { run = runCanned, start = () => undefined }: { run?: Command | undefined; start?: LiveCommand | undefined } = {},
  ) {
    this.#socket = socket;
    this.#start = start;
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
        if (stream !== this.#streams.get('stdin')) return;
        this.#live?.stdin.end();
        this.#stdin.resolve(Buffer.concat(this.#input));
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
    this.#live = this.#start(this.#query.getAll('command'));
    if (this.#live !== undefined) {
      this.#finish(await this.#carry(this.#live));
      return;
    }
    const { stdout, stderr, code } = await this.#run(this.#query.getAll('command'), this.#stdin.promise);
    this.#write('stdout', stdout);
    this.#write('stderr', stderr);
    if (this.#isWanted('resize')) await this.#resized.promise;
    this.#finish(code);
  }

  /** Lets output flow no faster than the connection takes it. */
  async #carry(live: LiveProcess): Promise<number> {
    live.stdin.on('error', () => {});
    for (const early of this.#input.splice(0)) live.stdin.write(early);
    if (!this.#isWanted('stdin')) live.stdin.end();
    else this.#stdin.promise.then(() => live.stdin.end());
    for (const name of ['stdout', 'stderr'] as const) {
      live[name].on('data', (chunk: Buffer) => {
        this.#write(name, chunk);
        if (this.#socket.writableNeedDrain) for (const output of [live.stdout, live.stderr]) output.pause();
      });
    }
    const resume = (): void => {
      for (const output of [live.stdout, live.stderr]) output.resume();
    };
    this.#socket.on('drain', resume);
    resume();
    this.#socket.once('close', () => live.kill());
    return await live.exited;
  }

  #isWanted(stream: string): boolean {
    const parameter = { stdin: 'input', stdout: 'output', stderr: 'error', resize: 'tty' }[stream];
    return parameter === undefined || this.#query.get(parameter) === '1';
  }

  #take(stream: number, data: Buffer): void {
    if (stream !== this.#streams.get('resize')) {
      if (this.#live === undefined) this.#input.push(data);
      else if (!this.#live.stdin.write(data)) {
        this.#socket.pause();
        this.#live.stdin.once('drain', () => this.#socket.resume());
      }
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
