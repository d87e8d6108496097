import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { BytesAnswer, StreamAnswer, StreamSink, WireAnswer } from '../call.ts';
import type { HttpCall } from './http-call.ts';

/** Smaller answers are not worth the time. Source: apiserver `endpoints/handlers/responsewriters/writers.go`. */
const GZIP_FROM_BYTES = 128 * 1024;
/** Pieces of a list are put together up to this size, so that each write fills several TLS records. */
const CHUNK_BYTES = 256 * 1024;

/** Writes an answer to the client that the call came from. Resolves once everything is handed over. */
export async function writeAnswer(call: HttpCall, response: ServerResponse, answer: WireAnswer): Promise<void> {
  if (answer.kind === 'taken') return;
  if (response.destroyed || response.headersSent) return;
  if (answer.kind === 'stream') {
    writeStream(call, response, answer);
    return;
  }
  await writeBytes(call, response, answer);
}

async function writeBytes(call: HttpCall, response: ServerResponse, answer: BytesAnswer): Promise<void> {
  const headers = headersOf(call, answer);
  const buffers = Buffer.isBuffer(answer.body) ? [answer.body] : answer.body;
  let length = 0;
  for (const buffer of buffers) length += buffer.length;
  if (isZipped(call, answer, length)) {
    headers['Content-Encoding'] = 'gzip';
    headers['Vary'] = 'Accept-Encoding';
    const zipped = await gzip(buffers);
    if (response.destroyed) return;
    headers['Content-Length'] = zipped.length;
    response.writeHead(answer.status, headers);
    response.end(call.method === 'HEAD' ? undefined : zipped);
    return;
  }
  if (answer.status !== 304 && answer.status !== 204) headers['Content-Length'] = length;
  // A body that nobody has read would be taken for the next request.
  if (answer.status === 413) headers['Connection'] = 'close';
  if (call.raw.request.httpVersionMajor > 1) delete headers['Connection'];
  response.writeHead(answer.status, headers);
  if (headers['Connection'] === 'close' && !call.raw.request.complete) {
    response.write(Buffer.concat(buffers, length));
    await readAway(call.raw.request);
    response.end();
  } else if (call.method === 'HEAD' || length === 0) response.end();
  else if (length <= CHUNK_BYTES) response.end(buffers.length === 1 ? buffers[0] : Buffer.concat(buffers, length));
  else await writeChunks(response, buffers);
}

/** More than that is no mistake of a client. */
const MOST_READ_AWAY = 64 * 1024 * 1024;

const MOST_IDLE_MS = 500;

/**
 * Takes the rest of a body that nobody wants, as long as it keeps coming: a client that is still writing when its
 * connection goes would not see its answer. Source: Go `net/http` (closeWriteAndWait).
 */
function readAway(request: IncomingMessage): Promise<void> {
  if (request.destroyed || request.complete) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    const done = (): void => {
      request.off('data', count).off('end', done).off('close', done).off('error', done);
      resolve();
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > MOST_READ_AWAY) done();
    };
    request.on('data', count).on('end', done).on('close', done).on('error', done).setTimeout(MOST_IDLE_MS, done);
    request.resume();
  });
}

function isZipped(call: HttpCall, answer: BytesAnswer, length: number): boolean {
  if (length <= GZIP_FROM_BYTES || answer.headers?.['Content-Encoding'] !== undefined) return false;
  const accepted = call.header('accept-encoding');
  return accepted?.split(',').some((token) => token.trim() === 'gzip') ?? false;
}

async function gzip(buffers: readonly Buffer[]): Promise<Buffer> {
  const zlib = await import('node:zlib');
  return await new Promise((resolve, reject) => {
    const whole = buffers.length === 1 ? (buffers[0] as Buffer) : Buffer.concat(buffers);
    // Level 1: nearly as small, far cheaper.
    zlib.gzip(whole, { level: 1 }, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

async function writeChunks(response: ServerResponse, buffers: readonly Buffer[]): Promise<void> {
  let group: Buffer[] = [];
  let bytes = 0;
  for (const buffer of buffers) {
    group.push(buffer);
    bytes += buffer.length;
    if (bytes < CHUNK_BYTES) continue;
    if (!response.write(Buffer.concat(group, bytes))) await whenDrained(response);
    if (response.destroyed) return;
    group = [];
    bytes = 0;
  }
  response.end(bytes === 0 ? undefined : Buffer.concat(group, bytes));
}

function writeStream(call: HttpCall, response: ServerResponse, answer: StreamAnswer): void {
  response.writeHead(answer.status, headersOf(call, answer));
  if (call.method === 'HEAD') {
    response.end();
    return;
  }
  response.flushHeaders();
  const sink: StreamSink = {
    write: (chunk) => response.destroyed || response.write(chunk),
    drained: () => whenDrained(response),
    end: () => response.end(),
  };
  answer.start(sink, call.signal);
}

function whenDrained(response: ServerResponse): Promise<void> {
  if (response.destroyed || !response.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

type OutgoingHeaders = Record<string, string | number | string[]>;

function headersOf(call: HttpCall, answer: BytesAnswer | StreamAnswer): OutgoingHeaders {
  const headers: OutgoingHeaders = {
    'Audit-Id': call.header('audit-id') ?? randomUUID(),
    'Cache-Control': 'no-cache, private',
    ...(answer.contentType === '' ? {} : { 'Content-Type': answer.contentType }),
  };
  if (call.warnings.length > 0) headers['Warning'] = fitting([...new Set(call.warnings)]).map(toWarning);
  Object.assign(headers, call.answerHeaders);
  if (answer.headers !== undefined) Object.assign(headers, answer.headers);
  return headers;
}

/** Characters of all warnings of an answer, and of each where they would be more. */
const MOST_CHARACTERS = 4096;
const SHORT_CHARACTERS = 256;

/** Warnings that fit; all are cut short where they would not. Source: apiserver `pkg/endpoints/filters/warning.go`. */
function fitting(texts: readonly string[]): readonly string[] {
  const length = (text: string): number => [...text].length;
  if (texts.reduce((sum, text) => sum + text.length, 0) <= MOST_CHARACTERS) return texts;
  const firstOver = texts.findIndex((_, at) => {
    return texts.slice(0, at + 1).reduce((sum, text) => sum + length(text), 0) > MOST_CHARACTERS;
  });
  if (firstOver < 0) return texts;
  let written = 0;
  const kept: string[] = [];
  for (const [at, text] of texts.entries()) {
    if (at > firstOver && written >= MOST_CHARACTERS) break;
    const short = [...text].slice(0, SHORT_CHARACTERS).join('');
    written += length(short);
    kept.push(short);
  }
  return kept;
}

/** Source: apimachinery `pkg/util/net/http.go` (NewWarningHeader). */
function toWarning(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be in a header
  const clean = text.replace(/[\u0000-\u001f\u007f]/g, ' ').replace(/["\\]/g, '\\$&');
  return `299 - "${Buffer.from(clean, 'utf8').toString('latin1')}"`;
}

/** Answers an upgrade request that is not granted, on the bare socket. */
export function writeRefusal(call: HttpCall, socket: Duplex, answer: WireAnswer, statusText: string): void {
  if (answer.kind !== 'bytes' || !socket.writable) {
    if (answer.kind === 'stream') socket.destroy();
    return;
  }
  const body = Buffer.isBuffer(answer.body) ? answer.body : Buffer.concat(answer.body);
  const headers: OutgoingHeaders = {
    ...headersOf(call, answer),
    'Content-Length': body.length,
    Connection: 'close',
    Date: new Date(call.startedMs).toUTCString(),
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => `${name}: ${each}`),
  );
  const head = `HTTP/1.1 ${answer.status} ${statusText}\r\n${lines.join('\r\n')}\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head, 'latin1'), body]));
}
