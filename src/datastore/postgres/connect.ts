import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Client, type ClientConfig, escapeIdentifier } from 'pg';
import { StorageError } from '../storage-error.ts';
import { toStorageError } from './postgres-error.ts';
import type { PostgresSettings } from './settings.ts';

/** A statement that takes longer is given up, and its connection with it: the host may be gone. */
const QUERY_LIMIT_MS = 30_000;
/** A transaction of ours that rests for so long belongs to a process that hangs; others wait for its lock. */
const IDLE_TRANSACTION_MS = 5_000;

/**
 * Every statement of ours has an index in its order. A table that grew since it was last analysed looks small, and then
 * each page of a list would sort all that follows: 160 ms of 100,000 rows, where the index takes 2.
 */
const PLANNING = 'SET enable_sort = off; SET enable_bitmapscan = off; SET enable_seqscan = off; SET jit = off';

/** Ids are below 2^53 and bytes come as hexadecimal text: nothing else is asked for. */
const types: NonNullable<ClientConfig['types']> = {
  getTypeParser(oid: number) {
    if (oid === 20 || oid === 23 || oid === 26) return Number;
    if (oid === 17) return (text: string) => Buffer.from(text.slice(2), 'hex');
    if (oid === 16) return (text: string) => text === 't';
    return (text: string) => text;
  },
};

/** Host, port and database, for messages; never the password. */
export function whereOf({ hosts, database }: PostgresSettings): string {
  return `PostgreSQL ${hosts.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`;
}

/**
 * Opens a connection to the first host that answers and, with several, takes writes.
 *
 * @param options.pipeline - Send statements without waiting for the answers of earlier ones.
 * @throws StorageError `unavailable`
 */
export async function connect(
  settings: PostgresSettings,
  options: { readonly pipeline?: boolean; readonly database?: string } = {},
): Promise<Client> {
  let failure: unknown;
  for (const { host, port } of settings.hosts) {
    const secured = settings.tlsMode !== 'disable' && !host.startsWith('/');
    // `prefer` asks for encryption and does without where the server has none.
    const tries = settings.tlsMode === 'prefer' && secured ? [true, false] : [secured];
    for (const withTls of tries) {
      try {
        return await connectTo(settings, { host, port, withTls, ...options });
      } catch (error) {
        failure = error;
        if (!/does not support SSL/.test((error as Error).message)) break;
      }
    }
  }
  throw toStorageError(failure, whereOf(settings));
}

async function connectTo(
  settings: PostgresSettings,
  target: { host: string; port: number; withTls: boolean; pipeline?: boolean; database?: string },
): Promise<Client> {
  const { user, password, schema, hosts } = settings;
  const { host, port, withTls, pipeline = false, database = settings.database } = target;
  const client = new Client({
    host,
    port,
    user,
    // A function keeps `pg` from looking into the environment and the home folder where there is none.
    password: () => password ?? '',
    database,
    ssl: withTls ? tlsFor(settings) : false,
    application_name: 'warren',
    connectionTimeoutMillis: settings.connectTimeoutMs,
    query_timeout: QUERY_LIMIT_MS,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(schema === undefined ? {} : { options: `-c search_path=${toOption(escapeIdentifier(schema))}` }),
    pipeline,
    types,
  });
  // Without a listener the loss of an idle connection would end the process; whoever uses it next notices.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(PLANNING);
    if (hosts.length > 1) await demandPrimary(client, host);
    return client;
  } catch (error) {
    client.end().catch(() => {});
    throw error;
  }
}

async function demandPrimary(client: Client, host: string): Promise<void> {
  const { rows } = await client.query('SELECT pg_is_in_recovery() AS standby');
  if (rows[0]?.standby !== true) return;
  const cause = Object.assign(new Error(`${host} is a standby`), { code: '25006' });
  throw new StorageError('unavailable', '', 0n, { cause, message: `${host} is a standby and takes no writes` });
}

function tlsFor(settings: PostgresSettings): ConnectionOptions {
  const { tlsMode, caFile, certFile, keyFile } = settings;
  const verified = tlsMode === 'verify-ca' || tlsMode === 'verify-full';
  return {
    rejectUnauthorized: verified,
    ...(caFile === undefined ? {} : { ca: read(caFile, 'sslrootcert') }),
    ...(certFile === undefined ? {} : { cert: read(certFile, 'sslcert') }),
    ...(keyFile === undefined ? {} : { key: read(keyFile, 'sslkey') }),
    ...(tlsMode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

function read(path: string, parameter: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `${parameter} ${path} cannot be read: ${(cause as Error).message}`;
    throw new StorageError('unavailable', path, 0n, { cause: new Error(message), message });
  }
}

/** Blanks and backslashes divide the start-up options. */
function toOption(text: string): string {
  return text.replace(/[\\ ]/g, '\\$&');
}
