import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import { type BackupEntry, BackupError, checkedBytes } from '../datastore/backup/backup-file.ts';
import { type BackupStore, bucketStore, folderStore } from '../objectstore/backup-store.ts';
import { backupTimeMs, outdated } from '../objectstore/retention.ts';
import { ObjectStoreError, S3Bucket } from '../objectstore/s3-bucket.ts';
import { BACKUP_PATH } from '../pki/backup-identity.ts';
import { sealIdentity, type TenantIdentity } from '../pki/sealed-identity.ts';
import { systemClock } from '../std/clock.ts';
import { s3Environment } from './config.ts';
import { printLine } from './output.ts';
import { placeBackupFile } from './restore.ts';
import { readTenantPlace, telling } from './tenant-place.ts';
import { UserError } from './user-error.ts';

interface StoreOptions {
  readonly folder?: string;
  readonly s3Endpoint?: string;
  readonly s3Bucket?: string;
  readonly s3Prefix?: string;
  readonly s3Region?: string;
  readonly s3VirtualHost?: boolean;
  readonly s3Ca?: string;
}

interface SaveOptions extends StoreOptions {
  readonly url: string;
  readonly access: string;
  readonly key: string;
  readonly keepLast?: number;
  readonly maxAgeSeconds?: number;
}

interface RestoreOptions extends StoreOptions {
  readonly from: string;
  readonly dataDir: string;
  readonly sealKey: string;
  readonly id: string;
  readonly datastoreCafile?: string;
  readonly datastoreCertfile?: string;
  readonly datastoreKeyfile?: string;
}

/** A server that sends nothing for so long is taken for gone. */
const IDLE_MS = 60_000;
/** Files of a data folder that come back with the database; authorities and tokens go to the operator. */
const BELONGS_TO_DATABASE = /^cred\//;

/** What the operator's Jobs run; the last line that each prints is its result. */
export function addBackupJob(program: Command): void {
  const job = program
    .command('backup-job', { hidden: true })
    .description('what Jobs of the operator run: backups and restores of tenants');
  withStore(job.command('save'))
    .requiredOption('--url <url>', 'the tenant')
    .requiredOption('--access <folder>', 'folder with ca.crt, tls.crt and tls.key')
    .requiredOption('--key <key>', 'what to keep it under')
    .option('--keep-last <number>', 'how many to keep', toNumber)
    .option('--max-age-seconds <number>', 'how long to keep them', toNumber)
    .action(save);
  withStore(job.command('restore'))
    .requiredOption('--from <key>', 'the backup, or with a slash at its end: the newest below it')
    .requiredOption('--data-dir <folder>', 'data folder of the tenant')
    .requiredOption('--seal-key <file>', 'what to seal the identity with')
    .requiredOption('--id <id>', 'names this restore: it is done once')
    .option('--datastore-cafile <file>', 'see warren server')
    .option('--datastore-certfile <file>', 'see warren server')
    .option('--datastore-keyfile <file>', 'see warren server')
    .action(restoreJob);
}

function withStore(command: Command): Command {
  return command
    .hook('preAction', endWhenAsked)
    .option('--folder <path>', 'where backups lie')
    .option('--s3-endpoint <url>', 'URL of an S3-compatible service')
    .option('--s3-bucket <name>', 'its bucket')
    .option('--s3-prefix <prefix>', 'what keys begin with')
    .option('--s3-region <name>', 'its region', 'us-east-1')
    .option('--s3-virtual-host', 'dial bucket.host instead of host/bucket')
    .option('--s3-ca <file>', 'authorities of the service; it may be missing');
}

/** The first program of a container ends by no signal that it does not listen to; what is half done counts for nothing. */
function endWhenAsked(): void {
  process.once('SIGTERM', () => process.exit(143));
}

async function save(options: SaveOptions): Promise<void> {
  const store = openStore(options);
  const startedMs = systemClock.nowMs();
  const response = await askTenant(options);
  const written = await telling(() => store.put(options.key, checkedBytes(response))).catch(inOneLine);
  const below = `${dirname(options.key)}/`;
  const listed = await store.list(below).catch(inOneLine);
  const { keepLast, maxAgeSeconds } = options;
  const retention = { keepLast, maxAgeMs: maxAgeSeconds === undefined ? undefined : maxAgeSeconds * 1000 };
  const old = new Set(
    outdated(
      listed.map(({ key }) => key),
      retention,
      systemClock.nowMs(),
    ),
  );
  for (const key of old) await store.remove(key).catch(inOneLine);
  const kept = listed.filter(({ key }) => !old.has(key));
  printResult({ key: options.key, ...written, durationMs: systemClock.nowMs() - startedMs, kept, removed: old.size });
}

async function askTenant({ url, access }: SaveOptions): Promise<IncomingMessage> {
  const file = (name: string): string => readFileSync(join(access, name), 'utf8');
  const tls = { ca: file('ca.crt'), cert: file('tls.crt'), key: file('tls.key') };
  const call = request(new URL(BACKUP_PATH, url), { ...tls, agent: false, timeout: IDLE_MS });
  call.on('timeout', () => call.destroy(new Error('it sends nothing any more')));
  call.end();
  const [response] = (await once(call, 'response').catch((cause: Error) => {
    throw new UserError(`the tenant at ${url} cannot be reached: ${cause.message}`, { cause });
  })) as [IncomingMessage];
  if (response.statusCode === 200) return response;
  throw new UserError(`the tenant gives no backup: ${response.statusCode} ${await text(response)}`);
}

async function restoreJob(options: RestoreOptions): Promise<void> {
  const store = openStore(options);
  const key = await findBackup(store, options.from);
  const { datastoreCafile: caFile, datastoreCertfile: certFile, datastoreKeyfile: keyFile } = options;
  const { endpoint, folder } = readTenantPlace({ dataDir: options.dataDir, tlsFiles: { caFile, certFile, keyFile } });
  const path = await store.fetch(key, join(folder, 'restore')).catch(inOneLine);
  const { filesOf, isAsRestored, restore } = await import('../datastore/backup/backup.ts');
  const marker = join(folder, 'restored');
  // A Job may run twice: what the first one has made must not be put aside by the second.
  const isDone = existsSync(marker) && readFileSync(marker, 'utf8') === options.id;
  const files = await telling(async () => {
    if (isDone) return await filesOf(path);
    if (endpoint.engine === 'sqlite') putAside(dirname(endpoint.path));
    try {
      return (await restore(path, endpoint, { keepsRevisions: false })).files;
    } catch (error) {
      // A Job before this one may have come so far, and died before it could say so.
      const isDone = error instanceof BackupError && endpoint.engine === 'postgres';
      if (isDone && (await isAsRestored(path, endpoint))) return await filesOf(path);
      throw error;
    }
  });
  rmSync(join(folder, 'cred', 'encryption-config.json'), { force: true });
  for (const file of files) if (BELONGS_TO_DATABASE.test(file.path)) placeBackupFile(folder, file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(marker, options.id, { mode: 0o600 });
  rmSync(join(folder, 'restore'), { recursive: true, force: true });
  const identity = sealIdentity(toIdentity(files), readFileSync(options.sealKey, 'utf8').trim());
  printResult({ key, identity });
}

/** The database that a restore takes the place of stays beside it until the next one. */
function putAside(folder: string): void {
  const aside = `${folder}-before-restore`;
  if (!existsSync(folder)) return;
  rmSync(aside, { recursive: true, force: true });
  renameSync(folder, aside);
  mkdirSync(folder, { mode: 0o700 });
}

async function findBackup(store: BackupStore, from: string): Promise<string> {
  if (!from.endsWith('/')) return from;
  const found = (await store.list(from).catch(inOneLine)).filter(({ key }) => backupTimeMs(key) !== undefined);
  found.sort((a, b) => (backupTimeMs(b.key) ?? 0) - (backupTimeMs(a.key) ?? 0));
  const [newest] = found;
  if (newest === undefined) throw new UserError(`there is no backup below ${from}`);
  return newest.key;
}

function toIdentity(files: readonly BackupEntry[]): TenantIdentity {
  const texts = new Map(files.map(({ path, content }) => [path, content.toString('utf8')]));
  const tls = [...texts].filter(([path]) => path.startsWith('tls/')).map(([path, pem]) => [path.slice(4), pem]);
  const token = texts.get('token')?.trim();
  if (token === undefined || tls.length === 0) throw new UserError('the backup holds no keys: it is of another kind');
  return { files: Object.fromEntries(tls), token, agentToken: texts.get('agent-token')?.trim() };
}

function openStore(options: StoreOptions): BackupStore {
  const { folder, s3Endpoint: endpoint, s3Bucket: bucket, s3Region: region = 'us-east-1', s3Ca } = options;
  if (folder !== undefined) return folderStore(folder);
  if (endpoint === undefined || bucket === undefined)
    throw new UserError('say where backups lie: --folder, or --s3-endpoint and --s3-bucket');
  const { accessKeyId, secretAccessKey, sessionToken } = s3Environment();
  if (!accessKeyId || !secretAccessKey)
    throw new UserError('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be in the environment');
  const ca = s3Ca !== undefined && existsSync(s3Ca) ? readFileSync(s3Ca, 'utf8') : undefined;
  const opened = new S3Bucket({
    endpoint,
    bucket,
    region,
    pathStyle: options.s3VirtualHost !== true,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    ca,
    nowMs: systemClock.nowMs,
  });
  return bucketStore(opened, options.s3Prefix ?? '');
}

function inOneLine(error: unknown): never {
  if (error instanceof ObjectStoreError)
    throw new UserError(`the storage of backups: ${error.message}`, { cause: error });
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== undefined) throw new UserError(`the storage of backups: ${message}`, { cause: error });
  throw error;
}

function printResult(result: object): void {
  printLine(`result: ${JSON.stringify(result)}`);
}

function toNumber(given: string): number {
  const number = Number(given);
  if (!(number > 0)) throw new InvalidArgumentError('give a number above 0.');
  return number;
}
