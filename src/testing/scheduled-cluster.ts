import { Client } from '../client/client.ts';
import { Informers } from '../client/informers.ts';
import type { SchedulerConfiguration } from '../scheduler/configuration.ts';
import { runScheduler, SCHEDULER_USER } from '../scheduler/scheduler.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { startMemoryServer, until } from './memory-server.ts';

export interface ScheduledCluster extends AsyncDisposable {
  /** As a member of `system:masters`. */
  readonly admin: Client;
  readonly until: typeof until;
}

/** The real server with `Node,RBAC` in memory, and the scheduler under its own identity; no controllers, no kubelets. */
export async function startScheduledCluster(configuration?: SchedulerConfiguration): Promise<ScheduledCluster> {
  const stop = new AbortController();
  const base = { clock: systemClock, logger: silentLogger, signal: stop.signal };
  const server = await startMemoryServer(silentLogger, stop.signal);
  const clientFor = (name: string, ...groups: string[]): Client =>
    new Client(server.transportFor({ name, groups: [...groups, 'system:authenticated'] }));
  const admin = clientFor('admin', 'system:masters');
  const client = clientFor(SCHEDULER_USER);
  const informers = new Informers({ client: admin, ...base });
  const options = { ...base, client, informers, host: 'machine', configuration, random: Math.random };
  const running = runScheduler(options, stop.signal);
  return {
    admin,
    until,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([running, informers.ended()]);
      server.close();
    },
  };
}
