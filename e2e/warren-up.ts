/** One `warren up` of the real program in a folder of its own, for suites that need a host cluster. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientFor, type RunOptions, run } from './clients.ts';

const root = join(import.meta.dirname, '..');
export const WARREN = join(root, 'bin', 'warren.js');
const READY_TIMEOUT_MS = 90_000;

export interface WarrenUp extends AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly kubeconfig: string;
  /** Everything that it printed so far. */
  output(): string;
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  helm(args: readonly string[], options?: RunOptions): Promise<string>;
  /** The user's command against this host. */
  warren(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Ctrl-C; resolves with the exit code. */
  stop(): Promise<number>;
}

/** A port that nobody has right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

export interface StartOptions {
  /** Default: a new one, removed at the end. */
  readonly folder?: string;
  readonly args?: readonly string[];
  /** Text that shows that it is up. Default: the last line of the greeting. */
  readonly until?: RegExp;
}

export async function startWarrenUp(options: StartOptions = {}): Promise<WarrenUp> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'warren-e2e-'));
  const port = await freePort();
  const kubeconfig = join(folder, 'data', 'kubeconfig');
  const child = spawn(
    process.execPath,
    [WARREN, 'up', '--port', String(port), '--data-dir', join(folder, 'data'), ...(options.args ?? [])],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const ended = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
  await waitFor(() => (options.until ?? /Ctrl-C stops everything/).test(text), { child, text: () => text });
  const warren = async (args: readonly string[], more: RunOptions = {}): Promise<string> => {
    const env = { KUBECONFIG: kubeconfig, ...more.env };
    const result = await run(process.execPath, [WARREN, ...args], { ...more, cwd: folder, env });
    if (result.code === 0) return result.stdout;
    throw new Error(`warren ${args.join(' ')} ended with ${result.code}\n${result.stdout}${result.stderr}`);
  };
  const stop = async (): Promise<number> => {
    if (child.exitCode === null) child.kill('SIGINT');
    return await ended;
  };
  return {
    folder,
    port,
    kubeconfig,
    output: () => text,
    kubectl: clientFor('kubectl', kubeconfig),
    helm: clientFor('helm', kubeconfig),
    warren,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      if (options.folder === undefined && existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function waitFor(
  holds: () => boolean,
  { child, text }: { child: ChildProcess; text: () => string },
): Promise<void> {
  const endMs = Date.now() + READY_TIMEOUT_MS;
  while (!holds()) {
    if (child.exitCode !== null) throw new Error(`warren up ended with ${child.exitCode}:\n${text()}`);
    if (Date.now() > endMs) throw new Error(`warren up is not ready:\n${text()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Repeats a check until it passes or the time is over; the last failure is what is thrown. */
export async function eventually<T>(check: () => Promise<T>, timeoutMs = 30_000): Promise<T> {
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
