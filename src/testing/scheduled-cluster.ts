import { createApiServer } from '../apiserver/api-server.ts';
import { createDiscoveryPaths } from '../apiserver/discovery/discovery.ts';
import { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/events.ts';
import { Informers } from '../client/informers.ts';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import { builtinResources } from '../resources/index.ts';
import { runScheduler, SCHEDULER_USER } from '../scheduler/scheduler.ts';
import { systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';

export interface ScheduledCluster extends AsyncDisposable {
  /** As a member of `system:masters`. */
  readonly admin: Client;
  /** Waits until the check holds; looks every 10 ms. @throws Error after 10 seconds. */
  until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void>;
}

/** The real server with `Node,RBAC` in memory, and the scheduler under its own identity; no controllers, no kubelets. */
export async function startScheduledCluster(): Promise<ScheduledCluster> {
  const stop = new AbortController();
  const base = { clock: systemClock, logger: silentLogger, signal: stop.signal };
  const server = await createApiServer({
    ...base,
    backend: await openMemoryBackend(),
    definitions: builtinResources(),
    authenticator: { authenticate: async () => undefined },
    tokenIssuer: {
      issue: () => {
        throw new Error('no tokens here');
      },
    } as never,
    readRequestSubject: () => ({ commonName: '', organizations: [] }),
    otherPaths: ({ catalog }) => createDiscoveryPaths({ catalog, serverAddress: '127.0.0.1:6443' }),
  });
  await server.start(stop.signal);
  const clientFor = (name: string, ...groups: string[]): Client =>
    new Client(server.transportFor({ name, groups: [...groups, 'system:authenticated'] }));
  const admin = clientFor('admin', 'system:masters');
  const client = clientFor(SCHEDULER_USER);
  const informers = new Informers({ client: admin, ...base });
  const events = createEventRecorder({ client, component: 'default-scheduler', ...base });
  const running = runScheduler({ ...base, client, informers, events, random: Math.random }, stop.signal);
  return {
    admin,
    async until(what, isTrue) {
      for (const endMs = systemClock.nowMs() + 10_000; systemClock.nowMs() < endMs; ) {
        if (await isTrue()) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error(`not within 10 seconds: ${what}`);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([running, informers.ended()]);
      server.close();
    },
  };
}
