import type { Command } from 'commander';
import { StorageError } from '../datastore/storage-error.ts';
import { systemClock } from '../std/clock.ts';
import { createLogger } from '../telemetry/logger.ts';
import { ConfigError, readTenantConfig, TENANT_FLAGS } from '../tenant/config.ts';
import { startTenant } from '../tenant/tenant.ts';
import { printLine } from './output.ts';
import { UserError } from './user-error.ts';

/** For help and completion only: the program takes another way, see `program.ts`. */
export function addServer(program: Command): void {
  const command = program
    .command('server')
    .description("run one tenant's control plane alone, with k3s's flags")
    .allowUnknownOption();
  for (const flag of TENANT_FLAGS) command.option(`--${flag} <value>`, `see k3s server --${flag}`);
}

/** Runs a tenant until SIGTERM, SIGINT, or the end of the process that started it. */
export async function runServer(args: readonly string[]): Promise<void> {
  const startedMs = systemClock.nowMs();
  // From the first moment: the first program of a container ends by no signal that it does not listen to.
  const asked = untilAskedToStop();
  try {
    const config = readTenantConfig(args);
    const logger = createLogger({
      level: config.logLevel,
      format: config.logFormat,
      write: (line) => process.stderr.write(`${line}\n`),
      nowMs: systemClock.nowMs,
    });
    // One that waits for its database has nothing to put away.
    const tenant = await Promise.race([startTenant(config, { clock: systemClock, logger }), asked]);
    if (tenant === undefined) process.exit(0);
    const readyMs = systemClock.nowMs() - startedMs;
    printLine(`ready at ${tenant.url} after ${readyMs} ms; kubeconfig ${tenant.kubeconfigPath}`);
    await asked;
    await tenant.close();
    process.exit(0);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof StorageError)
      throw new UserError(error.message, { cause: error });
    if (error instanceof Error && /is taken by another program|may not be opened|not allowed/.test(error.message)) {
      throw new UserError(error.message, { cause: error });
    }
    throw error;
  }
}

function untilAskedToStop(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve(undefined));
    // A child of `warren up` ends with it, however that ended.
    if (process.channel !== undefined) process.once('disconnect', () => resolve(undefined));
    // Nothing else may keep the process: the listener does.
  });
}
