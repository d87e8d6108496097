import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Status } from '../../generated/api/meta/v1.ts';
import { internalError } from '../../machinery/errors/status-error.ts';
import { SpdyClient } from './spdy/client.ts';

/** Numbers of the channels, which are the first byte of each message. */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
/** With so much that a client has not taken, the kubelet is not read any more; with less than the other, it is again. */
const PAUSE_BYTES = 1024 * 1024;
const RESUME_BYTES = 256 * 1024;
/** Says that the channel in the next byte is at its end. */
const CLOSE = 255;

export interface RemoteStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/**
 * Carries a session between a client that speaks `v5.channel.k8s.io` on a WebSocket and a kubelet that speaks SPDY.
 * SPDY, since it can end stdin while output goes on. Resolves when the session is over and the client has its outcome.
 * Source: apiserver `pkg/util/proxy/streamtranslator.go`; client-go `tools/remotecommand` (v2 to v5).
 */
export async function translateStreams(
  client: WebSocket,
  backend: { readonly socket: Duplex; readonly head: Buffer },
  wanted: RemoteStreams,
): Promise<void> {
  const session = new Session(client, wanted);
  const spdy = new SpdyClient(backend.socket, backend.head, (error) => session.lost(error));
  session.announce();
  try {
    await session.run(spdy);
    session.finish();
  } catch (error) {
    session.fail(error);
  } finally {
    spdy.close();
  }
}

class Session {
  readonly #client: WebSocket;
  readonly #wanted: RemoteStreams;
  readonly #complaints: Buffer[] = [];
  #lose: (error: Error) => void = () => {};

  constructor(client: WebSocket, wanted: RemoteStreams) {
    this.#client = client;
    this.#wanted = wanted;
  }

  /** An empty message on the first channel that the client reads tells it that the connection stands. */
  announce(): void {
    const { stdout, stderr } = this.#wanted;
    this.#send(stdout ? STDOUT : stderr ? STDERR : ERROR, Buffer.alloc(0));
  }

  /** A connection that is closed in good order has ended its streams, and that is the end of the session. */
  lost(error: Error | undefined): void {
    if (error !== undefined) this.#lose(error);
  }

  /** Opens the streams, in the order that kubelets expect, and waits until all output has come. */
  async run(spdy: SpdyClient): Promise<void> {
    const { stdin, stdout, stderr, tty } = this.#wanted;
    const ends: Promise<void>[] = [];
    const output = (channel: number): { onData(data: Buffer): void; onEnd(): void } => {
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.push(promise);
      return { onData: (data) => this.#forward(channel, data, spdy), onEnd: resolve };
    };
    const { promise: lost, reject } = Promise.withResolvers<never>();
    lost.catch(() => {});
    const { promise: complained, resolve: complaintsEnd } = Promise.withResolvers<void>();
    ends.push(complained);
    this.#lose = reject;
    const opened = [
      spdy.open({ streamType: 'error' }, { onData: (data) => this.#complaints.push(data), onEnd: complaintsEnd }),
    ];
    const stdinStream = stdin ? spdy.open({ streamType: 'stdin' }) : undefined;
    if (stdinStream !== undefined) opened.push(stdinStream);
    if (stdout) opened.push(spdy.open({ streamType: 'stdout' }, output(STDOUT)));
    if (stderr && !tty) opened.push(spdy.open({ streamType: 'stderr' }, output(STDERR)));
    const resizeStream = tty ? spdy.open({ streamType: 'resize' }) : undefined;
    if (resizeStream !== undefined) opened.push(resizeStream);
    await Promise.race([Promise.all(opened), lost]);
    this.#takeInput(spdy, await stdinStream, await resizeStream);
    this.#client.once('close', () => reject(new Error('the client went away')));
    await Promise.race([Promise.all(ends), lost]);
  }

  #takeInput(spdy: SpdyClient, stdin: number | undefined, resize: number | undefined): void {
    this.#client.on('message', (message: Buffer) => {
      const channel = message[0];
      const target = channel === STDIN ? stdin : channel === RESIZE ? resize : undefined;
      if (channel === CLOSE) {
        if (message[1] === STDIN && stdin !== undefined) spdy.end(stdin);
        return;
      }
      if (target === undefined || message.length < 2) return;
      if (spdy.write(target, message.subarray(1))) return;
      this.#client.pause();
      spdy.drained().then(() => this.#client.resume());
    });
    // Messages that came before anybody listened wait in the paused socket.
    this.#client.resume();
  }

  /** Passes output on; a client that does not keep up stops the kubelet. */
  #forward(channel: number, data: Buffer, spdy: SpdyClient): void {
    this.#send(channel, data, () => {
      // Not only at nothing: the answer to a ping may be behind the last output, and nobody is told when that has left.
      if (this.#client.bufferedAmount < RESUME_BYTES) spdy.resume();
    });
    if (this.#client.bufferedAmount > PAUSE_BYTES) spdy.pause();
  }

  #send(channel: number, data: Buffer, done?: () => void): void {
    if (this.#client.readyState !== this.#client.OPEN) return;
    this.#client.send(Buffer.concat([Buffer.from([channel]), data]), { binary: true }, done);
  }

  /** Tells the client how the command ended. */
  finish(): void {
    this.#conclude(outcomeOf(Buffer.concat(this.#complaints).toString('utf8')));
  }

  fail(error: unknown): void {
    this.#conclude(internalError(error).toStatus());
  }

  #conclude(status: unknown): void {
    this.#send(ERROR, Buffer.from(JSON.stringify(status)));
    // A client that is not read says goodbye in vain, and both would wait for half a minute.
    this.#client.resume();
    this.#client.close(1000);
  }
}

/** What a kubelet said on the error stream, in the words of the translator. */
function outcomeOf(text: string): unknown {
  if (text === '') return { metadata: {}, status: 'Success' };
  let status: Status;
  try {
    status = JSON.parse(text) as Status;
  } catch {
    return internalError(new Error(`error stream protocol error: ${text}`)).toStatus();
  }
  if (status.status === 'Success') return { metadata: {}, status: 'Success' };
  const exitCode = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (status.reason !== 'NonZeroExitCode' || exitCode === undefined) {
    return internalError(new Error(status.message ?? text)).toStatus();
  }
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: command terminated with exit code ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: exitCode }] },
  };
}
