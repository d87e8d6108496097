import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../telemetry/logger.ts';

/** A certificate request is a few hundred bytes. */
const MAX_BODY_BYTES = 64 * 1024;

/** A refusal with the status and the text that k3s gives. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message = '') {
    super(message);
    this.status = status;
  }
}

/**
 * A machine that may not come in for a reason that k3s does not have. Agents of all generations write nothing but the
 * status line into their log, and of a 403 that the node's password is wrong: so the reason stands in that line, behind
 * another code.
 */
export class TurnedAway extends Refusal {
  constructor(message: string, status = 409) {
    super(status, message);
  }
}

/** The body of a request. @throws Refusal 413 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, 'the certificate request is too large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Reasons of a Status by its code. Source: k3s `pkg/util/apierrors.go`. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  413: 'RequestEntityTooLarge',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

/** Answers with a Status, whose message newer agents show; older ones look at the code alone. */
export function refuse(
  response: ServerResponse,
  error: unknown,
  { path, logger }: { path: string; logger: Logger },
): void {
  if (!(error instanceof Refusal)) logger.error('a request of an agent failed', { path, error });
  if (response.headersSent) return;
  const { code, body } = toStatus(error, path);
  // As upstream's filter says it.
  if (code === 429) response.setHeader('Retry-After', '1');
  if (response.req.httpVersionMajor === 1) {
    response.setHeader('Connection', 'close');
    if (error instanceof TurnedAway) response.statusMessage = error.message.replace(/[^ -~]+/g, ' ');
  }
  response.writeHead(code, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

/** Refuses an upgrade in the same words: agents put the body into their log. */
export function refuseUpgrade(socket: Duplex, error: unknown, path: string): void {
  const { code, body } = toStatus(error, path);
  const lines = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/**
 * The Status of a refusal in JSON. It says no `apiVersion`: upstream encodes it for no version at all.
 * Source: k3s `pkg/util/apierrors.go` (SendError).
 */
function toStatus(error: unknown, path: string): { code: number; body: string } {
  const code = error instanceof Refusal ? error.status : 500;
  const text = error instanceof Error ? error.message : String(error);
  const { message, details } = describe(code, text, path);
  const status = { kind: 'Status', metadata: {}, status: 'Failure', message, reason: REASONS[code], details, code };
  return { code, body: `${toGoJson(status)}\n` };
}

/** Go's encoder keeps out of JSON what a browser could take for HTML. */
function toGoJson(value: object): string {
  return JSON.stringify(value).replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}

function describe(code: number, text: string, path: string): { message: string; details?: object } {
  switch (code) {
    case 405:
      return {
        message: 'the server does not allow this method on the requested resource',
        details: { name: path, causes: [{ reason: 'UnexpectedServerResponse', message: text }] },
      };
    case 500:
      return { message: `Internal error occurred: ${text}`, details: { causes: [{ message: text }] } };
    default:
      return { message: text };
  }
}

/** Texts that k3s gives a type itself are `text/plain` alone; the others have the type that Go finds out. */
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

export function sendJson(response: ServerResponse, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`;
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
