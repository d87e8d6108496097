/** The real `warren`, started as a child for as long as a suite needs it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export const WARREN = join(import.meta.dirname, '..', 'bin', 'warren.js');
const READY_TIMEOUT_MS = 90_000;

export interface Program {
  readonly pid: number;
  /** Everything that it printed so far. */
  output(): string;
  /** Ctrl-C; resolves with the exit code. */
  stop(): Promise<number>;
}

/** Starts `warren ARGS` and waits until it has printed `until`. @throws Error where it ends before, or takes too long. */
export async function startProgram(
  args: readonly string[],
  {
    cwd,
    until,
    env,
  }: { readonly cwd: string; readonly until: RegExp; readonly env?: Readonly<Record<string, string>> },
): Promise<Program> {
  const child = spawn(process.execPath, [WARREN, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const ended = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
  const endMs = Date.now() + READY_TIMEOUT_MS;
  while (!until.test(text)) {
    if (child.exitCode !== null) throw new Error(`warren ${args[0]} ended with ${child.exitCode}:\n${text}`);
    if (Date.now() > endMs) throw new Error(`warren ${args[0]} is not ready:\n${text}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    pid: child.pid ?? 0,
    output: () => text,
    async stop() {
      if (child.exitCode === null) child.kill('SIGINT');
      return await ended;
    },
  };
}

export interface Patience {
  /** Default 30,000. */
  readonly timeoutMs?: number;
  /** Between two tries. Default 200. */
  readonly pauseMs?: number;
}

/** Repeats a check until it passes or the time is over; the last failure is what is thrown. */
export async function eventually<T>(check: () => Promise<T>, patience: Patience = {}): Promise<T> {
  const { timeoutMs = 30_000, pauseMs = 200 } = patience;
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
