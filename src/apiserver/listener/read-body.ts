import type { IncomingMessage } from 'node:http';
import { badRequest, StatusError } from '../../machinery/errors/status-error.ts';

/** Source: apiserver `pkg/server/config.go` (MaxRequestBodyBytes). */
const MAX_BYTES = 3 * 1024 * 1024;

/**
 * Reads a body to its end.
 * @throws StatusError 413 beyond 3 MiB, 400 where the client breaks off.
 */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BYTES) return Promise.reject(tooLarge());
  if (request.destroyed) return Promise.reject(brokenOff());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    const onGone = (): void => settle(() => reject(brokenOff()));
    const settle = (done: () => void): void => {
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      done();
    };
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

function tooLarge(): StatusError {
  const message = `Request entity too large: limit is ${MAX_BYTES}`;
  return new StatusError({ code: 413, reason: 'RequestEntityTooLarge', message });
}

function brokenOff(): StatusError {
  return badRequest('the request body ended before its time');
}
