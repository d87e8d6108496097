/** One `warren up` of the real program in a folder of its own, for suites that need a host cluster. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../src/testing/free-port.ts';
import { clientFor, type RunOptions, run } from './clients.ts';
import { type Program, startProgram, WARREN } from './program.ts';

export interface WarrenUp extends Program, AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly kubeconfig: string;
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  helm(args: readonly string[], options?: RunOptions): Promise<string>;
  /** The user's command against this host. */
  warren(args: readonly string[], options?: RunOptions): Promise<string>;
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
  const program = await startProgram(
    ['up', '--port', String(port), '--data-dir', join(folder, 'data'), ...(options.args ?? [])],
    { cwd: folder, until: options.until ?? /Ctrl-C stops everything/ },
  );
  const warren = async (args: readonly string[], more: RunOptions = {}): Promise<string> => {
    const env = { KUBECONFIG: kubeconfig, ...more.env };
    const result = await run(process.execPath, [WARREN, ...args], { ...more, cwd: folder, env });
    if (result.code === 0) return result.stdout;
    throw new Error(`warren ${args.join(' ')} ended with ${result.code}\n${result.stdout}${result.stderr}`);
  };
  return {
    ...program,
    folder,
    port,
    kubeconfig,
    kubectl: clientFor('kubectl', kubeconfig),
    helm: clientFor('helm', kubeconfig),
    warren,
    async [Symbol.asyncDispose]() {
      await program.stop();
      if (options.folder === undefined && existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    },
  };
}
