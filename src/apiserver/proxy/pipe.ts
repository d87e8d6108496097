import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

const GRACE_MS = 10_000;

/** Carries bytes both ways until one side ends; then both are over. Source: apimachinery `util/proxy/upgradeaware.go`. */
export function joinStreams(client: Duplex, backend: Duplex): void {
  const close = (): void => {
    client.destroy();
    backend.destroy();
  };
  for (const stream of [client, backend]) {
    stream.on('error', close);
    stream.once('close', close);
  }
  client.pipe(backend);
  backend.pipe(client);
}

/** The same where the client's bytes come in the messages of a WebSocket. */
export function joinWebSocket(client: WebSocket, backend: Duplex): void {
  const close = (): void => {
    client.close(1000);
    backend.destroy();
  };
  client.on('message', (data: Buffer) => {
    if (backend.write(data)) return;
    client.pause();
    backend.once('drain', () => client.resume());
  });
  client.once('close', close);
  backend.on('data', (chunk: Buffer) => {
    client.send(chunk, { binary: true }, () => {
      if (client.bufferedAmount === 0) backend.resume();
    });
    if (client.bufferedAmount > 1024 * 1024) backend.pause();
  });
  backend.on('error', close);
  backend.once('end', close);
  backend.once('close', close);
  client.resume();
}

/** Repeats the head of a backend's answer to the client, word for word. */
export function repeatHead(answer: IncomingMessage, client: Duplex): void {
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
