import { Command, CommanderError } from 'commander';
import { addCompletion } from './completion.ts';
import { UserError } from './user-error.ts';
import { WARREN_VERSION } from './version.ts';

/** A command file: says its name, options and help, and loads what it needs only when it runs. */
type AddCommand = (program: Command) => void;

/**
 * Runs one command line. Faults of the user end in one line and exit code 1, those of ours keep their stack.
 * `server` is the tenant's own program: it skips the rest, since its start is counted in milliseconds.
 */
export async function run(args: readonly string[]): Promise<void> {
  try {
    if (args[0] === 'server' && !args.includes('--help') && !args.includes('-h')) {
      const { runServer } = await import('./server.ts');
      await runServer(args.slice(1));
      return;
    }
    const program = await buildProgram();
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** The whole command tree; completion scripts are made from it. */
export async function buildProgram(): Promise<Command> {
  const program = new Command('warren')
    .description('Nested Kubernetes clusters whose control plane is a pod and whose nodes are machines anywhere.')
    .version(WARREN_VERSION, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(text.replace(/^error: /, 'warren: ')) });
  const commands: readonly AddCommand[] = [
    (await import('./up.ts')).addUp,
    (await import('./create.ts')).addCreate,
    (await import('./list.ts')).addList,
    (await import('./get.ts')).addGet,
    (await import('./kubeconfig.ts')).addKubeconfig,
    (await import('./join.ts')).addJoin,
    (await import('./token.ts')).addToken,
    (await import('./connect.ts')).addConnect,
    (await import('./suspend.ts')).addSuspend,
    (await import('./suspend.ts')).addResume,
    (await import('./upgrade.ts')).addUpgrade,
    (await import('./rotate.ts')).addRotate,
    (await import('./debug.ts')).addDebug,
    (await import('./delete.ts')).addDelete,
    (await import('./server.ts')).addServer,
    (await import('./backup.ts')).addBackup,
    (await import('./restore.ts')).addRestore,
    (await import('./backup-job.ts')).addBackupJob,
    (await import('./operator.ts')).addOperator,
    addCompletion,
  ];
  for (const add of commands) add(program);
  const inherit = (parent: Command): void => {
    for (const command of parent.commands) inherit(command.exitOverride().copyInheritedSettings(program));
  };
  inherit(program);
  return program;
}

/** What Node calls the ways in which nobody answers. */
const unreachable = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
];

/** Tells a fault and returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode;
  if (error instanceof UserError) {
    process.stderr.write(`warren: ${error.message}\n`);
    return 1;
  }
  if (error instanceof Error && 'reason' in error && 'code' in error) {
    const isUnknown = error.code === 404 && /could not find the requested resource/.test(error.message);
    const help = isUnknown ? ': it is no host of Warren yet; install the chart, or choose another with --context' : '';
    process.stderr.write(`warren: ${error.message}${help}\n`);
    return 1;
  }
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code !== undefined && unreachable.includes(code)) {
    process.stderr.write(`warren: the cluster cannot be reached: ${(error as Error).message}\n`);
    return 1;
  }
  process.stderr.write(`warren: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}
