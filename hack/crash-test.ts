/**
 * Kills the real server, or PostgreSQL under it, at random moments while writers are at work, and looks for every
 * acknowledged write afterwards:
 *
 *   node hack/crash-test.ts [--kills 20] [--datastore sqlite|postgres] [--victim server|database] [--writers 8]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Ledger } from '../e2e/ledger.ts';
import { Client } from '../src/client/client.ts';
import { createHttpTransport } from '../src/client/http-transport.ts';
import { readKubeconfig } from '../src/client/kubeconfig.ts';
import { type EmbeddedPostgres, startPostgres } from '../src/testing/embedded-postgres.ts';
import { freePort } from '../src/testing/free-port.ts';

const root = join(import.meta.dirname, '..');
const START_LIMIT_MS = 60_000;

export interface CrashOptions {
  readonly kills: number;
  readonly datastore: 'sqlite' | 'postgres';
  /** Whom it hits; `database` needs PostgreSQL. */
  readonly victim: 'server' | 'database';
  readonly writers: number;
  /** Told of each kill. */
  onKill?(told: string): void;
}

export interface CrashResult {
  readonly kills: number;
  readonly acknowledged: number;
  /** Writes that were cut off: either outcome is right for them. */
  readonly doubtful: number;
  /** What is lost or halved; empty where all is well. */
  readonly faults: readonly string[];
  /** From a kill until the server, or its next write, answered: median and longest. */
  readonly recoveryMs: { readonly median: number; readonly longest: number };
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function runCrashTest(options: CrashOptions): Promise<CrashResult> {
  const folder = mkdtempSync(join(tmpdir(), 'warren-crash-'));
  const postgres = options.datastore === 'postgres' ? await startPostgres() : undefined;
  const port = await freePort();
  const start = (): Promise<Server> => startServer(folder, port, postgres?.endpoint('crash') ?? '');
  const state: { server: Server } = { server: await start() };
  const ledger = new Ledger({ writers: options.writers, random: Math.random });
  const faults: string[] = [];
  const recoveries: number[] = [];
  let kills = 0;
  try {
    for (; kills < options.kills && faults.length === 0; kills++) {
      const { server } = state;
      const writing = ledger.run(() => server.client);
      await wait(30 + Math.random() * 600);
      const killed = performance.now();
      if (options.victim === 'server') {
        await server.kill();
        await writing;
        state.server = await start();
        recoveries.push(performance.now() - killed);
      } else {
        recoveries.push(await restartDatabase(postgres, ledger));
        ledger.stop();
        await writing;
      }
      faults.push(...(await ledger.verify(state.server.client)));
      const { acknowledged, doubts } = ledger;
      options.onKill?.(`kill ${kills + 1}: ${acknowledged} acknowledged, ${doubts} cut off, ${faults.length} wrong`);
    }
  } finally {
    await state.server.kill();
    await postgres?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
  recoveries.sort((a, b) => a - b);
  return {
    kills,
    acknowledged: ledger.acknowledged,
    doubtful: ledger.doubts,
    faults,
    recoveryMs: { median: recoveries[recoveries.length >> 1] ?? 0, longest: recoveries.at(-1) ?? 0 },
  };
}

/** Kills PostgreSQL, starts it again, and waits until writes go on; returns how long that took, in milliseconds. */
async function restartDatabase(postgres: EmbeddedPostgres | undefined, ledger: Ledger): Promise<number> {
  const started = performance.now();
  await postgres?.kill();
  const before = ledger.acknowledged;
  await postgres?.start();
  // Writers that were cut off rest; where all of them were, nobody goes on.
  for (let tries = 0; ledger.acknowledged === before && tries < 200; tries++) await wait(20);
  return performance.now() - started;
}

interface Server {
  readonly client: Client;
  kill(): Promise<void>;
}

async function startServer(folder: string, port: number, endpoint: string): Promise<Server> {
  const args = ['server', '--data-dir', folder, '--https-listen-port', String(port), '--bind-address', '127.0.0.1'];
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(root, 'src', 'main.ts'),
      ...args,
      '--advertise-address=127.0.0.1',
      '--log-level=error',
      `--datastore-endpoint=${endpoint}`,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'warren-crash') },
    },
  );
  await untilReady(child);
  const access = readKubeconfig(join(folder, 'server', 'cred', 'admin.kubeconfig'));
  const transport = createHttpTransport({ ...access, maxSockets: 32 });
  return {
    client: new Client(transport),
    kill: () =>
      new Promise((resolve) => {
        transport.close();
        if (child.exitCode !== null || child.signalCode !== null) resolve();
        else child.once('exit', () => resolve()).kill('SIGKILL');
      }),
  };
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server does not start')), START_LIMIT_MS);
    child.stdout?.on('data', (text: Buffer) => {
      if (!text.includes('ready at')) return;
      clearTimeout(timer);
      resolve();
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '20' },
      datastore: { type: 'string', default: 'sqlite' },
      victim: { type: 'string', default: 'server' },
      writers: { type: 'string', default: '8' },
    },
  });
  const datastore = values.datastore === 'postgres' ? 'postgres' : 'sqlite';
  const victim = values.victim === 'database' ? 'database' : 'server';
  if (victim === 'database' && datastore === 'sqlite') throw new Error('--victim database needs --datastore postgres');
  const started = performance.now();
  const result = await runCrashTest({
    kills: Number(values.kills),
    writers: Number(values.writers),
    datastore,
    victim,
    onKill: (told) => console.log(told),
  });
  console.log(JSON.stringify({ datastore, victim, ...result, seconds: (performance.now() - started) / 1000 }, null, 2));
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}
