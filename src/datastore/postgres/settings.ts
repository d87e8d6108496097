/** How a connection is protected. Source: libpq's `sslmode`. */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface PostgresSettings {
  /** Tried in order; with several, only one that takes writes is used. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** Schema of the table; undefined: the user's default. */
  readonly schema: string | undefined;
  readonly tlsMode: TlsMode;
  /** Paths of PEM files. */
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Connections for reads; one more writes and one listens. Default 4. */
  readonly maxConnections: number;
  /** Milliseconds until a host counts as unreachable. Default 5,000. */
  readonly connectTimeoutMs: number;
}

/** Files of PEM that stand beside the endpoint, as with k3s's `--datastore-cafile` and its siblings. */
export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

const DEFAULT_PORT = 5432;
/** Source: kine `pkg/drivers/pgsql/pgsql.go` (defaultDSN, createDBIfNotExist). */
const DEFAULT_USER = 'postgres';
const DEFAULT_DATABASE = 'kubernetes';

const SHAPE = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/i;
const PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'search_path',
  'connect_timeout',
  'pool_max_conns',
  'application_name',
  'target_session_attrs',
  'fallback_application_name',
];

/**
 * Reads a DSN as libpq and pgx do: `postgres://user:password@host:5432/database?sslmode=verify-full`. Several hosts are
 * divided by commas; `search_path` names the schema. Without `sslmode`, encryption is used where the server has it.
 *
 * @throws Error that says what is wrong, without a password.
 */
export function parsePostgresEndpoint(endpoint: string, files: TlsFiles = {}): PostgresSettings {
  const found = SHAPE.exec(endpoint);
  if (found === null)
    throw new Error('the DSN cannot be read; write postgres://user:password@host:5432/database, with %40 for @');
  const [, credentials = '', authority = '', path = '', query = ''] = found;
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw new Error(`the DSN's parameter ${name} is not known here`);
  }
  const [user = '', ...rest] = credentials.split(':');
  const password = rest.length > 0 ? decode(rest.join(':')) : (parameters.get('password') ?? undefined);
  return {
    hosts: toHosts(authority || (parameters.get('host') ?? ''), parameters.get('port')),
    user: decode(user) || parameters.get('user') || DEFAULT_USER,
    password,
    // As kine names it; PostgreSQL would fold an unquoted name too.
    database: (decode(path) || parameters.get('dbname') || DEFAULT_DATABASE).toLowerCase(),
    schema: parameters.get('search_path') ?? undefined,
    tlsMode: toTlsMode(parameters.get('sslmode'), files.caFile ?? parameters.get('sslrootcert') ?? undefined),
    caFile: files.caFile ?? parameters.get('sslrootcert') ?? undefined,
    certFile: files.certFile ?? parameters.get('sslcert') ?? undefined,
    keyFile: files.keyFile ?? parameters.get('sslkey') ?? undefined,
    maxConnections: toCount(parameters.get('pool_max_conns'), 4, 'pool_max_conns'),
    connectTimeoutMs: toCount(parameters.get('connect_timeout'), 5, 'connect_timeout') * 1000,
  };
}

function toHosts(authority: string, port: string | null): PostgresSettings['hosts'] {
  const parts = authority === '' ? ['localhost'] : authority.split(',');
  return parts.map((part) => {
    const [, bracketed, plain = '', own] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(part) ?? [];
    const host = bracketed ?? decode(plain);
    if (host === '') throw new Error(`the DSN's host "${part}" cannot be read`);
    return { host, port: toCount(own ?? port, DEFAULT_PORT, 'port') };
  });
}

function toTlsMode(mode: string | null, caFile: string | undefined): TlsMode {
  switch (mode) {
    case 'disable':
    case 'verify-ca':
    case 'verify-full':
      return mode;
    case 'require':
      // As libpq: whoever names an authority wants it checked.
      return caFile === undefined ? 'require' : 'verify-ca';
    case null:
    case '':
      return caFile === undefined ? 'prefer' : 'verify-full';
    case 'allow':
    case 'prefer':
      return 'prefer';
    default:
      throw new Error(`sslmode=${mode} is none of disable, prefer, require, verify-ca, verify-full`);
  }
}

function toCount(text: string | null | undefined, fallback: number, name: string): number {
  if (text === null || text === undefined || text === '') return fallback;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 65_535) throw new Error(`the DSN's ${name} cannot be ${text}`);
  return count;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new Error('the DSN holds a % that begins no escape: write %25 for it', { cause });
  }
}
