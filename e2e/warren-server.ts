/** One `warren server` of the real program, with machines that are doubles, for suites that need a tenant alone. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/std/clock.ts';
import { AgentDouble } from '../src/testing/agent-double/agent.ts';
import type { Command } from '../src/testing/agent-double/fake-spdy-server.ts';
import { freePort } from '../src/testing/free-port.ts';
import { clientFor, clientPath, type Run, type RunOptions, run as runProgram, toWords } from './clients.ts';
import { type Program, startProgram } from './program.ts';

/** Runs one command line, such as `get pods -o name`; resolves with what it printed, throws with it when it fails. */
export type CommandLine = (line: string, options?: RunOptions) => Promise<string>;

export interface WarrenServer extends Program, AsyncDisposable {
  /** For files of the suite; the server's own are in `data` below it. */
  readonly folder: string;
  readonly url: string;
  readonly kubeconfig: string;
  /** What clients need to know of: the kubeconfig, and a home of their own, since they keep what they discover. */
  readonly env: Readonly<Record<string, string>>;
  readonly kubectl: CommandLine;
  readonly helm: CommandLine;
  /** As `kubectl`, for runs whose code and standard error matter; never throws. */
  kubectlRun(args: readonly string[], options?: RunOptions): Promise<Run>;
  /**
   * A machine that joins under the name, whose containers do what `run` says, and whose pods' ports are the local
   * `podPort`; leaves when the server is disposed of.
   */
  join(nodeName: string, run?: Command, podPort?: number): Promise<AgentDouble>;
  /** Makes a namespace and gives kubectl bound to it, once pods can be made there. */
  inNamespace(name: string): Promise<CommandLine>;
}

/** Starts a server with further flags; `prepare` is given its data folder before. */
export async function startWarrenServer(
  flags: readonly string[] = [],
  prepare: (data: string) => void = () => {},
  serverEnv: Readonly<Record<string, string>> = {},
): Promise<WarrenServer> {
  const folder = mkdtempSync(join(tmpdir(), 'warren-e2e-'));
  const port = await freePort();
  const data = join(folder, 'data');
  prepare(data);
  const program = await startProgram(
    ['server', '--data-dir', data, '--bind-address', '127.0.0.1', '--https-listen-port', String(port), ...flags],
    { cwd: folder, until: /ready at /, env: serverEnv },
  );
  const url = `https://127.0.0.1:${port}`;
  const kubeconfig = join(data, 'server', 'cred', 'admin.kubeconfig');
  const env = { KUBECONFIG: kubeconfig, HOME: folder };
  const commandLine = (name: 'kubectl' | 'helm', first: readonly string[] = []): CommandLine => {
    const client = clientFor(name, kubeconfig);
    return (line, options) =>
      client([...first, ...toWords(line)], { cwd: folder, ...options, env: { ...env, ...options?.env } });
  };
  const kubectl = commandLine('kubectl');
  const agents: AgentDouble[] = [];
  return {
    ...program,
    folder,
    url,
    kubeconfig,
    env,
    kubectl,
    helm: commandLine('helm'),
    kubectlRun: (args, options = {}) =>
      runProgram(clientPath('kubectl'), args, {
        ...options,
        cwd: folder,
        env: { ...env, ...options.env },
      }),
    async join(nodeName, run, podPort) {
      const token = readFileSync(join(data, 'server', 'token'), 'utf8').trim();
      const nodeIp = `192.0.2.${agents.length + 1}`;
      const agent = await AgentDouble.join({
        url,
        token,
        nodeName,
        nodeIp,
        generation: 'current',
        clock: systemClock,
        run,
        podPort,
      });
      agents.push(agent);
      return agent;
    },
    async inNamespace(name) {
      await kubectl(`create namespace ${name}`);
      await kubectl(`wait --for=create serviceaccount/default -n ${name} --timeout=30s`);
      return commandLine('kubectl', ['-n', name]);
    },
    async [Symbol.asyncDispose]() {
      for (const agent of agents) await agent[Symbol.asyncDispose]();
      await program.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
