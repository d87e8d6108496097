import type { IncomingMessage, ServerResponse } from 'node:http';
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
  const code = error instanceof Refusal ? error.status : 500;
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Refusal)) logger.error('a request of an agent failed', { path, error });
  if (response.headersSent) return;
  const message = code === 500 ? `Internal error occurred: ${text}` : text;
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: REASONS[code],
    code,
  };
  // As upstream's filter says it.
  if (code === 429) response.setHeader('Retry-After', '1');
  if (response.req.httpVersionMajor === 1) response.setHeader('Connection', 'close');
  const body = `${JSON.stringify(status)}\n`;
  response.writeHead(code, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

export function sendJson(response: ServerResponse, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`;
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
