import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { identify, type JoinTokens } from '../supervisor/caller.ts';
import { installScript } from './install-script.ts';

export interface AgentFilesOptions {
  /** Folder with k3s binaries and archives of images; absent: there are none. */
  readonly folder: string | undefined;
  readonly tokens: JoinTokens;
}

const PREFIX = '/v1-warren/';
const FILES = `${PREFIX}agent/`;
/** Plain names only: whatever has a slash or begins with a dot is no file of ours. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;
const GROUPS = ['k3s:agent', 'k3s:server', 'system:nodes', 'system:bootstrappers'];

/**
 * Gives machines that reach nothing but the tenant's port what they need to join: a script that installs k3s as a
 * service, and the binary and images that the operator has put beside the server. Who has a join token may read them.
 *
 * @returns a handler that says whether the request was its own.
 */
export function createAgentFiles(
  options: AgentFilesOptions,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    const path = request.url ?? '/';
    if (path !== `${PREFIX}install.sh` && !path.startsWith(FILES)) return false;
    serve(options, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else answer(response, 500, error instanceof Error ? error.message : String(error));
    });
    return true;
  };
}

async function serve(
  { folder, tokens }: AgentFilesOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { url = '/', method = 'GET' } = request;
  const caller = await identify(request, tokens);
  if (caller === undefined || caller === 'refused') return answer(response, 401, 'give a join token: -u node:TOKEN');
  if (!GROUPS.some((group) => caller.groups.includes(group))) return answer(response, 403, 'forbidden');
  if (method !== 'GET' && method !== 'HEAD') return answer(response, 405, 'method not allowed');
  if (url === `${PREFIX}install.sh`) return answer(response, 200, installScript);
  const name = url.slice(FILES.length);
  const path = folder === undefined || !NAME.test(name) ? undefined : join(folder, name);
  const found = path === undefined ? undefined : await stat(path).catch(() => undefined);
  if (path === undefined || found === undefined || !found.isFile()) return answer(response, 404, `${name} is not here`);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': found.size });
  if (method === 'HEAD') return void response.end();
  await pipeline(createReadStream(path), response);
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
