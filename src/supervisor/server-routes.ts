import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseJoinToken } from '../pki/join-token.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Refusal, readBody, sendJson } from './answers.ts';
import type { Caller } from './caller.ts';

export type Route = (request: IncomingMessage, response: ServerResponse, caller: Caller) => void | Promise<void>;

/** What `k3s secrets-encrypt status` shows. Source: k3s `pkg/server/handlers/secrets-encrypt.go` (EncryptionState). */
export interface EncryptionState {
  /** Step of a change of keys: `start` where none is under way; empty where Secrets were never encrypted. */
  readonly stage: string;
  /** `AES-CBC name` of the key that encrypts; empty without one. */
  readonly activekey: string;
  /** Whether what is written now is encrypted. */
  readonly enable?: boolean;
  readonly hashmatch?: boolean;
  readonly inactivekeys?: readonly string[];
}

export interface ServerRoutesOptions {
  rotateToken?(password: string): Promise<void>;
  encryption?(): EncryptionState;
  readonly logger: Logger;
}

/** What servers and the commands of k3s ask. Source: k3s `pkg/server/handlers`. */
export function createServerRoutes(options: ServerRoutesOptions): Readonly<Record<string, Route>> {
  return {
    // Only servers with an etcd of their own hand out authorities to others that join.
    '/v1-k3s/server-bootstrap': () => {
      throw new Refusal(400, 'etcd disabled');
    },
    '/v1-k3s/token': async (request, response) => {
      demandPut(request);
      const password = readNewToken(await readBody(request));
      if (options.rotateToken === undefined) throw new Refusal(503, 'the token cannot be changed here');
      await options.rotateToken(password);
      options.logger.info('the join token has changed');
      response.writeHead(200, { 'Content-Length': 0 }).end();
    },
    '/v1-k3s/encrypt/status': (_request, response) =>
      sendJson(response, options.encryption?.() ?? { stage: '', activekey: '' }),
    '/v1-k3s/encrypt/config': (request) => {
      demandPut(request);
      throw new Refusal(
        400,
        'keys of Secrets are not changed while the server runs: start it with --secrets-encryption',
      );
    },
    '/v1-k3s/cert/cacerts': (request) => {
      demandPut(request);
      throw new Refusal(400, 'authorities are not changed while the server runs: put others into its folder or Secret');
    },
  };
}

function demandPut({ method }: IncomingMessage): void {
  if (method !== 'PUT') throw new Refusal(405, 'method not allowed');
}

/**
 * The password in `{"newToken": ...}`, which may be a whole token; empty where a new one shall be made. Whoever does not
 * say the word at all changes nothing.
 */
function readNewToken(body: Buffer): string {
  let newToken: unknown;
  try {
    newToken = (JSON.parse(body.toString('utf8')) as { newToken?: unknown } | null)?.newToken;
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
  if (typeof newToken !== 'string') throw new Refusal(400, 'newToken must be a string');
  if (newToken === '') return '';
  try {
    const { password } = parseJoinToken(newToken);
    if (/^[\x21-\x7e]+$/.test(password)) return password;
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
  throw new Refusal(400, 'newToken must be of printable characters, without spaces');
}
