import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../src/client/client.ts';
import { createHttpTransport } from '../src/client/http-transport.ts';
import { readKubeconfig } from '../src/client/kubeconfig.ts';

const root = join(import.meta.dirname, '..');
const bundle = join(root, 'dist', 'warren.js');
const entry = existsSync(bundle) ? bundle : join(root, 'src', 'main.ts');

export interface Server {
  readonly startMs: number;
  readonly pid: number;
  readonly client: Client;
  stop(): Promise<void>;
}

/** Starts a tenant, with further flags, and measures until its API says that it is ready. */
export async function startServer(folder: string, port: number, flags: readonly string[] = []): Promise<Server> {
  const started = performance.now();
  // As the image runs it.
  const cache = join(root, 'node_modules', '.cache', 'warren-bench');
  const env = { ...process.env, NODE_COMPILE_CACHE: cache, MALLOC_ARENA_MAX: '1' };
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--max-semi-space-size=2',
    entry,
    'server',
    '--data-dir',
    folder,
    '--https-listen-port',
    String(port),
    '--bind-address',
    '127.0.0.1',
    '--advertise-address',
    '127.0.0.1',
    '--log-level',
    'error',
    ...flags,
  ];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      if (text.includes('ready at')) resolve();
    });
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const startMs = performance.now() - started;
  const access = readKubeconfig(join(folder, 'server', 'cred', 'admin.kubeconfig'));
  const client = new Client(createHttpTransport({ ...access, maxSockets: 64 }));
  return {
    startMs,
    pid: child.pid ?? 0,
    client,
    stop: () =>
      new Promise((resolve) => {
        child.removeAllListeners('exit');
        child.on('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

/** Resident memory in MB. */
export function residentMb(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1024;
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs `work` for each index, `lanes` at a time, and returns how many a second. */
export async function rate(count: number, lanes: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < count) await work(next++);
    }),
  );
  return count / ((performance.now() - started) / 1000);
}

export function show(what: string, figure: string, note = ''): void {
  console.log(`${what.padEnd(44)} ${figure.padStart(14)}  ${note}`);
}

/** A folder and a port for one measurement; the folder is removed afterwards. */
export async function withPlace(work: (folder: string, port: number) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'warren-bench-'));
  try {
    await work(folder, 20_000 + Math.floor(Math.random() * 10_000));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
