import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

const GRACE_MS = 10_000;
/** With so much that a client has not taken, the backend is not read any more; with less than the other, it is again. */
const PAUSE_BYTES = 1024 * 1024;
const RESUME_BYTES = 256 * 1024;

/**
 * Carries bytes both ways until one side ends; then both are over. What the other side has not taken yet is still written:
 * the last bytes of a large output wait in its socket. Source: apimachinery `util/proxy/upgradeaware.go`.
 */
function joinStreams(client: Duplex, backend: Duplex): void {
  follow(client, backend);
  follow(backend, client);
  client.pipe(backend);
  backend.pipe(client);
}

/** Ends `to` once `from` has. A stream that broke has nothing left to say. */
function follow(from: Duplex, to: Duplex): void {
  from.on('error', () => {
    if (!from.readableEnded) to.destroy();
  });
  const finish = (): void => {
    if (to.destroyed) return;
    // What still comes from there has no taker. It is read all the same: closing a socket with unread bytes resets it,
    // and the peer then loses what was written to it.
    to.unpipe(from);
    to.resume();
    to.end(() => to.destroy());
  };
  from.once('end', finish);
  from.once('close', finish);
}

/** The same where the client's bytes come in the messages of a WebSocket. */
export function joinWebSocket(client: WebSocket, backend: Duplex): void {
  const close = (): void => {
    // A client that is not read says goodbye in vain, and both would wait for half a minute.
    client.resume();
    client.close(1000);
    backend.destroy();
  };
  client.on('message', (data: Buffer) => {
    if (backend.destroyed || backend.write(data)) return;
    client.pause();
    backend.once('drain', () => client.resume());
  });
  // What the client has sent before it went is still written.
  client.once('close', () => {
    if (!backend.destroyed) backend.end(() => backend.destroy());
  });
  backend.on('data', (chunk: Buffer) => {
    client.send(chunk, { binary: true }, () => {
      // Not only at nothing: the answer to a ping may be behind the last bytes, and nobody is told when that has left.
      if (client.bufferedAmount < RESUME_BYTES) backend.resume();
    });
    if (client.bufferedAmount > PAUSE_BYTES) backend.pause();
  });
  backend.on('error', close);
  backend.once('end', close);
  backend.once('close', close);
  client.resume();
}

/** One side of an upgrade: its stream, and what came behind the head of its message. */
interface Upgraded {
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Tells the client that the backend has upgraded, and carries bytes both ways from then on. */
export function joinUpgraded(client: Upgraded, backend: Upgraded & { readonly answer: IncomingMessage }): void {
  repeatHead(backend.answer, client.socket);
  if (backend.head.length > 0) client.socket.write(backend.head);
  if (client.head.length > 0) backend.socket.write(client.head);
  joinStreams(client.socket, backend.socket);
}

/** Repeats the head of a backend's answer to the client, word for word. */
function repeatHead(answer: IncomingMessage, client: Duplex): void {
  const lines = [`HTTP/1.1 ${answer.statusCode ?? 502} ${answer.statusMessage ?? ''}`];
  const { rawHeaders } = answer;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
  }
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** Repeats an answer without an upgrade, and closes. */
export function repeatAnswer(answer: IncomingMessage, client: Duplex): void {
  const { rawHeaders } = answer;
  const kept = rawHeaders.filter((_, index) => {
    const name = (rawHeaders[index - (index % 2)] ?? '').toLowerCase();
    return name !== 'transfer-encoding' && name !== 'connection';
  });
  answer.rawHeaders = [...kept, 'Connection', 'close'];
  repeatHead(answer, client);
  answer.setTimeout(GRACE_MS, () => answer.destroy());
  answer.pipe(client);
}
