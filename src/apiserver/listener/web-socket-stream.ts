import type { WebSocket } from 'ws';
import type { StreamAnswer } from '../call.ts';
import { acceptWebSocket, offeredProtocols } from '../proxy/web-socket-server.ts';
import type { HttpCall } from './http-call.ts';

const BASE64 = 'base64.binary.k8s.io';
const streamProtocols = ['binary.k8s.io', BASE64];
const TOKEN_PREFIX = 'base64url.bearer.authorization.k8s.io.';
/** Bytes in front of each event in protobuf, which tell its length where there are no messages. */
const LENGTH_BYTES = 4;
/** What may wait for a client before the stream is held. */
const HIGH_WATER_BYTES = 256 * 1024;

/** How a stream becomes messages. */
interface Framing {
  readonly protocol: string | undefined;
  /** An empty message comes first, so that the client knows the stream is open. */
  readonly pings: boolean;
  messages(chunk: Buffer): readonly (Buffer | string)[];
}

/**
 * Sends a stream to a client that asked for it over a WebSocket: a log in messages of bytes or base64, a watch with one
 * event a message. What the client sends is passed over.
 *
 * Source: `httpstream/wsstream/stream.go` (Reader), apiserver `pkg/endpoints/handlers/watch.go` (HandleWS).
 */
export async function sendOverWebSocket(call: HttpCall, answer: StreamAnswer): Promise<void> {
  const { raw } = call;
  const offered = offeredProtocols(raw.request).filter((each) => !each.startsWith(TOKEN_PREFIX));
  const framing = framingOf(answer.contentType, offered);
  const client = await acceptWebSocket(raw, framing.protocol);
  const gone = new AbortController();
  client.once('close', () => gone.abort());
  client.resume();
  if (framing.pings) send(client, framing.protocol === BASE64 ? '' : Buffer.alloc(0));
  answer.start(
    {
      write(chunk) {
        for (const message of framing.messages(chunk)) send(client, message);
        return client.bufferedAmount < HIGH_WATER_BYTES;
      },
      drained: () => drained(client, gone.signal),
      end: () => client.close(),
    },
    gone.signal,
  );
}

function framingOf(contentType: string, offered: readonly string[]): Framing {
  if (contentType.startsWith('application/vnd.kubernetes.protobuf')) {
    return { protocol: offered[0], pings: false, messages: (chunk) => splitFrames(chunk) };
  }
  if (contentType.startsWith('application/json')) {
    return { protocol: offered[0], pings: false, messages: (chunk) => chunk.toString('utf8').split(/(?<=\n)/) };
  }
  const protocol = offered.find((each) => streamProtocols.includes(each));
  const isText = protocol === BASE64;
  return { protocol, pings: true, messages: (chunk) => [isText ? chunk.toString('base64') : chunk] };
}

/** Events are written as a whole, though several may come together. */
function splitFrames(chunk: Buffer): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + LENGTH_BYTES <= chunk.length; ) {
    const end = at + LENGTH_BYTES + chunk.readUInt32BE(at);
    frames.push(chunk.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return frames;
}

function send(client: WebSocket, message: Buffer | string): void {
  client.send(message, { binary: typeof message !== 'string' });
}

/** Resolves when everything has left: an empty write behind it says so. */
function drained(client: WebSocket, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    gone.addEventListener('abort', () => resolve(), { once: true });
    client.ping(Buffer.alloc(0), false, () => resolve());
  });
}
