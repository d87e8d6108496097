/**
 * Figures of one idle and one busy tenant, measured on the real program: `npm run bench`.
 * Compare figures of one machine and one run; a slow disk or a loaded core moves all of them.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../src/client/client.ts';
import { createHttpTransport } from '../src/client/http-transport.ts';
import { readKubeconfig } from '../src/client/kubeconfig.ts';
import { configmaps } from '../src/generated/resource-types.ts';

const root = join(import.meta.dirname, '..');
const bundle = join(root, 'dist', 'warren.js');
const entry = existsSync(bundle) ? bundle : join(root, 'src', 'main.ts');
const OBJECTS = 2000;
const WATCHERS = 100;
const BUDGET = { startMs: 400, memoryMb: 100 };

interface Server {
  readonly startMs: number;
  readonly pid: number;
  readonly client: Client;
  stop(): Promise<void>;
}

/** Starts a tenant and measures until its API says that it is ready. */
async function startServer(folder: string, port: number): Promise<Server> {
  const started = performance.now();
  const env = { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'warren-bench') };
  const args = [
    '--disable-warning=ExperimentalWarning',
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
function residentMb(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1024;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs `work` for each index, `lanes` at a time, and returns how many a second. */
async function rate(count: number, lanes: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < count) await work(next++);
    }),
  );
  return count / ((performance.now() - started) / 1000);
}

function show(what: string, figure: string, note = ''): void {
  console.log(`${what.padEnd(44)} ${figure.padStart(14)}  ${note}`);
}

const folder = mkdtempSync(join(tmpdir(), 'warren-bench-'));
const port = 20_000 + Math.floor(Math.random() * 10_000);
try {
  const first = await startServer(folder, port);
  await first.stop();
  const starts: number[] = [];
  for (let round = 0; round < 4; round++) {
    const server = await startServer(folder, port);
    starts.push(server.startMs);
    await server.stop();
  }
  starts.sort((a, b) => a - b);
  const median = starts[Math.floor(starts.length / 2)] ?? 0;
  show(
    'cold start to /readyz, new data folder',
    `${first.startMs.toFixed(0)} ms`,
    `${(first.startMs / BUDGET.startMs).toFixed(2)} of the budget; makes keys and certificates`,
  );
  show(
    'cold start to /readyz, median',
    `${median.toFixed(0)} ms`,
    `${(median / BUDGET.startMs).toFixed(2)} of the budget of ${BUDGET.startMs} ms`,
  );

  const server = await startServer(folder, port);
  await wait(5000);
  const idle = residentMb(server.pid);
  show(
    'resident memory, idle',
    `${idle.toFixed(0)} MB`,
    `${(idle / BUDGET.memoryMb).toFixed(2)} of the budget of ${BUDGET.memoryMb} MB`,
  );
  const { client } = server;
  const create = (index: number) =>
    client.create(configmaps, {
      metadata: { name: `bench-${index}`, namespace: 'default' },
      data: { key: 'x'.repeat(512) },
    });
  const alone = await rate(200, 1, (index) => create(index));
  const together = await rate(OBJECTS, 32, (index) => create(200 + index));
  show('creates, one client', `${alone.toFixed(0)} /s`);
  show('creates, 32 clients', `${together.toFixed(0)} /s`, `${(together / alone).toFixed(1)} times one client`);
  const reads = await rate(OBJECTS, 32, (index) =>
    client.get(configmaps, { namespace: 'default', name: `bench-${index}` }),
  );
  show('gets, 32 clients', `${reads.toFixed(0)} /s`);
  const lists = await rate(20, 1, () => client.list(configmaps, { namespace: 'default' }));
  show(
    `lists of ${OBJECTS + 200} objects`,
    `${lists.toFixed(1)} /s`,
    `${Math.round(lists * (OBJECTS + 200))} objects/s`,
  );

  let events = 0;
  const abort = new AbortController();
  const { metadata } = await client.list(configmaps, { namespace: 'default', limit: 1 });
  for (let index = 0; index < WATCHERS; index++) {
    void (async () => {
      for await (const _ of client.watch(configmaps, {
        namespace: 'default',
        resourceVersion: metadata.resourceVersion,
        signal: abort.signal,
      }))
        events++;
    })().catch(() => {});
  }
  await wait(500);
  const started = performance.now();
  await rate(200, 8, (index) =>
    client.patch(
      configmaps,
      { namespace: 'default', name: `bench-${index}` },
      { data: { key: String(index) } },
      { type: 'merge' },
    ),
  );
  while (events < WATCHERS * 200 && performance.now() - started < 20_000) await wait(10);
  show(
    `events to ${WATCHERS} watchers`,
    `${(events / ((performance.now() - started) / 1000)).toFixed(0)} /s`,
    `${events} of ${WATCHERS * 200} arrived`,
  );
  abort.abort();
  show('resident memory, afterwards', `${residentMb(server.pid).toFixed(0)} MB`);
  await server.stop();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
