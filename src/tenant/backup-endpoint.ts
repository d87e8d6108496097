import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BackupEntry } from '../datastore/backup/backup-file.ts';
import { parseEndpoint } from '../datastore/endpoint.ts';
import { BACKUP_PATH, backupIdentity } from '../pki/backup-identity.ts';
import type { PkiFiles } from '../pki/bundle.ts';
import type { Clock } from '../std/clock.ts';
import { callerOfCertificate } from '../supervisor/caller.ts';
import type { Logger } from '../telemetry/logger.ts';
import { pathsOf, type TenantConfig } from './config.ts';
import { encryptionConfigPath } from './encryption.ts';

export interface BackupEndpointOptions {
  readonly config: TenantConfig;
  readonly files: PkiFiles;
  /** The join token in full form, as it is now. */
  token(): string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A reader that takes nothing for so long is gone: meanwhile the database keeps what it would forget. */
const IDLE_MS = 60_000;

/**
 * Answers `GET /v1-warren/backup` with a backup of the tenant, made while it is sent, so that nobody else needs its
 * volume. Whatever goes wrong on the way cuts the answer off, which its checksum tells.
 *
 * @returns a handler that says whether the request was its own.
 */
export function createBackupEndpoint(
  options: BackupEndpointOptions,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    if (request.url !== BACKUP_PATH) return false;
    answer(options, request, response).catch((error: unknown) => {
      options.logger.error('a backup was not finished', { error });
      if (response.headersSent) response.destroy();
      else refuse(response, 500, error instanceof Error ? error.message : String(error));
    });
    return true;
  };
}

async function answer(
  { config, files, token, clock, logger }: BackupEndpointOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const caller = callerOfCertificate(request);
  if (caller === undefined) return refuse(response, 401, 'a backup needs a client certificate');
  const { commonName, organizations } = backupIdentity;
  if (caller.name !== commonName || !organizations.every((group) => caller.groups.includes(group)))
    return refuse(response, 403, `${caller.name} may not take a backup`);
  if (request.method !== 'GET') return refuse(response, 405, 'a backup is read by GET');
  const { streamBackup } = await import('../datastore/backup/backup.ts');
  const { server, database } = pathsOf(config);
  const endpoint = parseEndpoint(config.datastoreEndpoint, database, config.tlsFiles);
  const startedMs = clock.nowMs();
  const bytes = await streamBackup(endpoint, { files: [...keptFiles(config, server, files, token())], clock });
  const idle = () => response.destroy(new Error('nobody reads the backup'));
  request.socket.setTimeout(IDLE_MS, idle);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' });
  await pipeline(bytes, response);
  request.socket.setTimeout(0);
  logger.info('a backup was taken', { durationMs: clock.nowMs() - startedMs });
}

/** The identity as the server has it now, whoever gave it, below the paths where a data folder would hold it. */
function* keptFiles(config: TenantConfig, folder: string, files: PkiFiles, token: string): Iterable<BackupEntry> {
  for (const [name, text] of Object.entries(files))
    yield { path: join('tls', name), mode: name.endsWith('.crt') ? 0o644 : 0o600, content: Buffer.from(text) };
  yield { path: 'token', mode: 0o600, content: Buffer.from(`${token}\n`) };
  for (const path of [encryptionConfigPath(config), pathsOf(config).agentToken]) {
    if (existsSync(path)) yield { path: relative(folder, path), mode: 0o600, content: readFileSync(path) };
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(message) });
  response.end(message);
}
