import { StorageError, type StorageFault } from '../storage-error.ts';

/** SQLSTATEs by their beginning. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const meanings: readonly (readonly [prefix: string, fault: StorageFault, advice: string])[] = [
  ['28', 'unavailable', "check the DSN's user and password, and that the server lets them in from here (pg_hba.conf)"],
  ['3D000', 'unavailable', 'make the database, or let its user make it (CREATEDB)'],
  ['3F000', 'unavailable', 'make the schema, or let the user make it (GRANT CREATE ON DATABASE)'],
  ['42501', 'unavailable', 'give its user the rights on the schema and on the table kine'],
  ['25006', 'unavailable', 'the server takes no writes: name the primary in the DSN, or all hosts divided by commas'],
  ['53100', 'unavailable', "the server's disk is full: free space on it; nothing was lost"],
  ['53300', 'unavailable', 'the server has no connection left: raise its max_connections or lower pool_max_conns'],
  ['53', 'unavailable', 'the server is short of resources: try again'],
  ['57P', 'unavailable', 'the server starts or stops: try again'],
  ['57014', 'unavailable', 'the statement took too long: the server is overloaded'],
  ['08', 'unavailable', 'the connection broke: try again'],
  ['55P03', 'unavailable', 'another server holds the table for too long'],
  ['40', 'unavailable', 'others were in the way: try again'],
  ['58', 'unavailable', "the server's disk failed: check it"],
  ['XX001', 'corrupt', 'the table is damaged: restore a backup'],
  ['XX002', 'corrupt', 'an index is damaged: REINDEX TABLE kine'],
];

/** SQLSTATEs after which the same may work a moment later, on a new connection. */
const passing = ['08', '57P', '53300', '25006', '55P03', '40', '25P0', '57014'];

/** Node's codes of a host that cannot be reached now. */
const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

/** The SQLSTATE of an error that the server sent, or Node's code. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : '';
}

/** Whether a server answered with this error: the connection still works. */
export function isFromServer(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(codeOf(error)) && !unreachable.has(codeOf(error));
}

/** Whether trying again on a new connection may do. Errors of the connection itself count: the server may be restarting. */
export function isPassing(error: unknown): boolean {
  if (error instanceof StorageError) return error.fault === 'unavailable' && isPassing(error.cause);
  const code = codeOf(error);
  if (isFromServer(error)) return passing.some((prefix) => code.startsWith(prefix));
  if (unreachable.has(code)) return true;
  // What `pg` says itself of a connection that broke or timed out has no code; a refused certificate has one.
  return error instanceof Error && /terminat|timeout|not queryable|Connection ended|closed/i.test(error.message);
}

/** What an error means for whoever keeps the server; mistakes of ours pass unchanged. `where` names host and database. */
export function toStorageError(error: unknown, where: string): unknown {
  if (error instanceof StorageError || !(error instanceof Error)) return error;
  const code = codeOf(error);
  const told = (fault: StorageFault, advice: string): StorageError =>
    new StorageError(fault, '', 0n, { cause: error, message: `${where}: ${error.message || code}; ${advice}` });
  if (isFromServer(error)) {
    const meaning = meanings.find(([prefix]) => code.startsWith(prefix));
    return meaning === undefined ? error : told(meaning[1], meaning[2]);
  }
  if (unreachable.has(code)) return told('unavailable', 'check that the server runs and can be reached from here');
  if (/does not support SSL/.test(error.message))
    return told('unavailable', 'switch TLS on at the server, or set sslmode=disable');
  if (/certificate|CERT_|ERR_TLS|EPROTO|ERR_SSL|ERR_OSSL/i.test(`${code} ${error.message}`))
    return told('unavailable', 'check sslrootcert, sslcert and sslkey, and the name in the certificate of the server');
  if (isPassing(error)) return told('unavailable', 'the connection broke: try again');
  return error;
}
