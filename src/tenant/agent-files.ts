import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Client } from '../client/client.ts';
import { isDenied } from '../pki/denied-machines.ts';
import { identify, type JoinTokens } from '../supervisor/caller.ts';
import { readDenied } from '../supervisor/supervisor.ts';

export interface AgentFilesOptions {
  /** Folder with k3s binaries and archives of images; absent: there are none. */
  readonly folder: string | undefined;
  /** File with what machines are told of registries; absent: nothing. */
  readonly registries: string | undefined;
  readonly tokens: JoinTokens;
  /** Speaks with the API, which knows who is shut out; undefined until it serves. */
  readonly client: () => Client | undefined;
}

const PREFIX = '/v1-warren/';
const FILES = `${PREFIX}agent/`;
const SCRIPT = `${PREFIX}install.sh`;
const REGISTRIES = `${PREFIX}registries.sh`;
/** Plain names only: whatever has a slash or begins with a dot is no file of ours. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;
const GROUPS = ['k3s:agent', 'k3s:server', 'system:nodes', 'system:bootstrappers'];

/**
 * Gives machines that reach nothing but the tenant's port what they need to join: a script that installs k3s as a
 * service, the binary and images that the operator has put beside the server, and what they are told of registries. Who
 * has a join token, or the certificate of a node, may read them.
 *
 * @returns a handler that says whether the request was its own.
 */
export function createAgentFiles(
  options: AgentFilesOptions,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    const path = request.url ?? '/';
    if (path !== SCRIPT && path !== REGISTRIES && !path.startsWith(FILES)) return false;
    serve(options, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else answer(response, 500, error instanceof Error ? error.message : String(error));
    });
    return true;
  };
}

async function serve(
  { folder, registries, tokens, client }: AgentFilesOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { url = '/', method = 'GET' } = request;
  const caller = await identify(request, tokens);
  if (caller === undefined || caller === 'refused') return answer(response, 401, 'give a join token: -u node:TOKEN');
  if (caller.fingerprint !== undefined && isDenied(await readDenied(client()), caller.name, caller.fingerprint))
    return answer(response, 401, 'this machine is shut out');
  if (!GROUPS.some((group) => caller.groups.includes(group))) return answer(response, 403, 'forbidden');
  if (method !== 'GET' && method !== 'HEAD') return answer(response, 405, 'method not allowed');
  // Machines ask for them once: what they are made of is loaded then.
  if (url === SCRIPT) return answer(response, 200, (await import('./install-script.ts')).installScript);
  if (url === REGISTRIES) return answer(response, 200, await readRegistries(registries));
  const name = url.slice(FILES.length);
  const path = folder === undefined || !NAME.test(name) ? undefined : join(folder, name);
  const found = path === undefined ? undefined : await stat(path).catch(() => undefined);
  if (path === undefined || found === undefined || !found.isFile()) return answer(response, 404, `${name} is not here`);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': found.size });
  if (method === 'HEAD') return void response.end();
  await pipeline(createReadStream(path), response);
}

async function readRegistries(path: string | undefined): Promise<string> {
  const { parseMachineFiles, toRegistriesScript } = await import('../joining/registry-files.ts');
  if (path === undefined) return toRegistriesScript({});
  try {
    return toRegistriesScript(parseMachineFiles(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new Error(`--agent-registries ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
