import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { badRequest } from '../../machinery/errors/status-error.ts';
import type { RawExchange } from '../call.ts';

/** The longest message of a client. Source: golang.org/x/net `websocket` (DefaultMaxPayloadBytes). */
const MAX_MESSAGE_BYTES = 32 << 20;
/** A client that pings and does not read is cut off when so much waits for it, beside what streams hold back by themselves. */
const MAX_UNREAD_BYTES = 8 << 20;

/** The protocols that a WebSocket client offers. */
export function offeredProtocols(request: IncomingMessage): readonly string[] {
  const header = request.headers['sec-websocket-protocol'];
  return (header ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

export function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Accepts a WebSocket with one of the protocols that it offers, paused, so that nothing is lost before somebody listens.
 * @throws StatusError 400 where the request is no WebSocket handshake.
 */
export async function acceptWebSocket(raw: RawExchange, protocol: string | undefined): Promise<WebSocket> {
  const { request, socket, head } = raw;
  if (request.headers['sec-websocket-key'] === undefined) throw badRequest('the handshake has no Sec-WebSocket-Key');
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });
  // The library refuses names like SPDY/3.1+x, which are no tokens: protocols go past it.
  delete request.headers['sec-websocket-protocol'];
  server.on('headers', (lines) => {
    if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  return await new Promise((resolve, reject) => {
    const fail = (): void => reject(badRequest('the client went away during the handshake'));
    socket.once('close', fail);
    server.handleUpgrade(request, socket as Duplex, head, (client) => {
      socket.off('close', fail);
      client.on('error', () => client.terminate());
      client.on('ping', () => {
        if (client.bufferedAmount > MAX_UNREAD_BYTES) client.terminate();
      });
      client.pause();
      resolve(client);
    });
  });
}
