import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PostgresSettings, parsePostgresEndpoint, type TlsFiles } from './settings.ts';

const plain: PostgresSettings = {
  hosts: [{ host: 'localhost', port: 5432 }],
  user: 'postgres',
  password: undefined,
  database: 'kubernetes',
  schema: undefined,
  tlsMode: 'prefer',
  caFile: undefined,
  certFile: undefined,
  keyFile: undefined,
  maxConnections: 4,
  connectTimeoutMs: 5000,
};

const cases: Record<string, [string, Partial<PostgresSettings>, TlsFiles?]> = {
  "fills in kine's defaults": ['postgres://', {}],
  'reads everything that stands in its place': [
    'postgresql://ann:p%40ss:word@db.example:6543/Tenant_1',
    { user: 'ann', password: 'p@ss:word', hosts: [{ host: 'db.example', port: 6543 }], database: 'tenant_1' },
  ],
  'reads several hosts, with IPv6 among them': [
    'postgres://a:5433,[fd00::1]:5434,c/x',
    {
      hosts: [
        { host: 'a', port: 5433 },
        { host: 'fd00::1', port: 5434 },
        { host: 'c', port: 5432 },
      ],
      database: 'x',
    },
  ],
  'reads a socket and a schema from the parameters': [
    'postgres:///x?host=/run/postgresql&search_path=tenant_a&pool_max_conns=2&connect_timeout=1',
    {
      hosts: [{ host: '/run/postgresql', port: 5432 }],
      database: 'x',
      schema: 'tenant_a',
      maxConnections: 2,
      connectTimeoutMs: 1000,
    },
  ],
  'checks an authority that is named, as libpq does': [
    'postgres://h/x?sslmode=require&sslrootcert=/ca.pem',
    { hosts: [{ host: 'h', port: 5432 }], database: 'x', tlsMode: 'verify-ca', caFile: '/ca.pem' },
  ],
  'takes the files that stand beside the endpoint first': [
    'postgres://h/x',
    {
      hosts: [{ host: 'h', port: 5432 }],
      database: 'x',
      tlsMode: 'verify-full',
      caFile: '/a',
      certFile: '/b',
      keyFile: '/c',
    },
    { caFile: '/a', certFile: '/b', keyFile: '/c' },
  ],
};

describe('a PostgreSQL DSN', () => {
  for (const [name, [endpoint, expected, files]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(parsePostgresEndpoint(endpoint, files), { ...plain, ...expected }));
  }
});
