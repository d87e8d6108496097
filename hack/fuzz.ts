/**
 * Starts a server and throws malformed requests at it, over TLS, for as long as is wished.
 *
 *   node hack/fuzz.ts [--seconds 60] [--seed 1]
 *
 * Fails when the server answers with a fault of its own, logs one, stops, or keeps growing. The seed that is printed
 * repeats a run.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { builtinResources } from '../src/resources/index.ts';
import { freePort } from '../src/testing/free-port.ts';
import { isUpstreamFault } from '../src/testing/fuzz/harness.ts';
import { Random } from '../src/testing/fuzz/random.ts';
import { type FuzzRequest, RequestMaker } from '../src/testing/fuzz/requests.ts';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } });
const seconds = Number(values.seconds ?? 60);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
/** Megabytes that a server may gain between the first third of a run and its end. */
const MOST_GROWTH_MB = 150;
const AT_ONCE = 8;
const ANSWER_MS = 20_000;

interface Credentials {
  readonly port: number;
  readonly key: Buffer;
  readonly cert: Buffer;
}

const folder = mkdtempSync(join(tmpdir(), 'warren-fuzz-'));
const log: string[] = [];
const port = await freePort();
const server = startServer(port);
const faults: string[] = [];
try {
  const credentials = await waitFor(() => readCredentials(join(folder, 'server/cred/admin.kubeconfig')));
  await run(credentials, new RequestMaker(new Random(seed), builtinResources()));
} finally {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
for (const line of log) if (/failed unexpectedly|uncaught|unhandled/i.test(line)) faults.push(line);
for (const fault of faults.slice(0, 20)) console.log(`fault: ${fault.slice(0, 1_500)}`);
console.log(faults.length === 0 ? 'no faults' : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;

async function run(credentials: Credentials, maker: RequestMaker): Promise<void> {
  console.log(`seed ${seed}, ${seconds} seconds`);
  const codes = new Map<string, number>();
  const endMs = Date.now() + seconds * 1000;
  const thirdMs = Date.now() + (seconds * 1000) / 3;
  let earlyMb: number | undefined;
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE, rejectUnauthorized: false, ...credentials });
  const worker = async (): Promise<void> => {
    while (Date.now() < endMs && server.exitCode === null) {
      if (earlyMb === undefined && Date.now() > thirdMs) earlyMb = memoryMb();
      const code = await send(maker.make(), credentials, agent);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  agent.destroy();
  const lateMb = memoryMb();
  if (server.exitCode !== null) faults.push(`the server stopped with code ${server.exitCode}`);
  if (lateMb - (earlyMb ?? lateMb) > MOST_GROWTH_MB) faults.push(`memory grew from ${earlyMb} to ${lateMb} MB`);
  console.log(`answers: ${[...codes].map(([code, count]) => `${code} ${count}`).join(', ')}`);
  console.log(`memory: ${earlyMb} MB after a third, ${lateMb} MB at the end`);
}

/** @returns the code of the answer, or what happened instead. */
async function send(made: FuzzRequest, credentials: Credentials, agent: Agent): Promise<string> {
  const isPlain =
    /^[\x21-\x7e]+$/.test(made.target) && !Object.values(made.headers).some((text) => /[^\x20-\x7e]/.test(text));
  if (!isPlain) return await sendRaw(made, credentials);
  const { method, target: path, headers, body } = made;
  return await new Promise((resolve) => {
    const sent = httpsRequest(
      { host: '127.0.0.1', port, method, path, headers, agent, timeout: ANSWER_MS },
      (answer) => {
        const chunks: Buffer[] = [];
        const isEndless = /[?&]watch=|\/watch\/|\/log|\/exec|\/proxy/.test(path);
        if (isEndless) setTimeout(() => answer.destroy(), 20);
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('close', () => {
          judge(made, answer.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'));
          resolve(String(answer.statusCode));
        });
      },
    );
    sent.on('timeout', () => {
      faults.push(`no answer to ${describe(made)}`);
      sent.destroy();
    });
    sent.on('error', () => resolve('broken off'));
    sent.end(body);
  });
}

/** For what Node's client refuses to send. */
function sendRaw({ method, target, headers, body }: FuzzRequest, { key, cert }: Credentials): Promise<string> {
  const lines = Object.entries({ Host: 'x', Connection: 'close', ...headers, 'Content-Length': body.length });
  const head = `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, key, cert, rejectUnauthorized: false }, () => {
      socket.end(Buffer.concat([Buffer.from(head), body]));
    });
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve('raw'));
    socket.resume();
  });
}

function judge(made: FuzzRequest, code: number, text: string): void {
  if (code < 500 || code === 503 || code === 504 || isUpstreamFault(text)) return;
  // Pods have no nodes to reach.
  if (/\/(log|exec|attach|portforward|proxy)/.test(made.target)) return;
  faults.push(`${code} ${text.slice(0, 300)} to ${describe(made)}`);
}

function describe({ method, target, headers, body }: FuzzRequest): string {
  return `${method} ${target} ${JSON.stringify(headers)} ${body.subarray(0, 800)}`;
}

function startServer(onPort: number): ChildProcess {
  const args = ['server', '--data-dir', folder, '--bind-address', '127.0.0.1', '--https-listen-port', String(onPort)];
  const child = spawn(process.execPath, [join(root, 'bin/warren.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => log.push(...text.split('\n')));
  }
  return child;
}

function memoryMb(): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(server.pid)], { encoding: 'utf8' });
  return Math.round(Number(stdout) / 1024);
}

function readCredentials(path: string): Credentials | undefined {
  if (!existsSync(path)) return undefined;
  const { users } = parse(readFileSync(path, 'utf8')) as { users: { user: Record<string, string> }[] };
  const [first] = users;
  const read = (name: string): Buffer => Buffer.from(first?.user[name] ?? '', 'base64');
  return { port, key: read('client-key-data'), cert: read('client-certificate-data') };
}

async function waitFor<T>(find: () => T | undefined): Promise<T> {
  for (let waited = 0; waited < 200; waited++) {
    const found = find();
    if (found !== undefined && log.some((line) => line.includes('ready'))) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the server does not start:\n${log.join('\n')}`);
}
