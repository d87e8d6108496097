import { type ApiServer, createApiServer } from '../apiserver/api-server.ts';
import { createDiscoveryPaths } from '../apiserver/discovery/discovery.ts';
import { openMemoryBackend } from '../datastore/memory/memory-backend.ts';
import { builtinResources } from '../resources/index.ts';
import { systemClock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';

/** The real server with `Node,RBAC` and all built-in kinds, its data in memory, without a port: for in-process clients. */
export async function startMemoryServer(logger: Logger, signal: AbortSignal): Promise<ApiServer> {
  const server = await createApiServer({
    backend: await openMemoryBackend(),
    clock: systemClock,
    logger,
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
  await server.start(signal);
  return server;
}

/** Waits until the check holds; looks every 10 ms. @throws Error after 10 seconds. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = systemClock.nowMs() + 10_000; systemClock.nowMs() < endMs; ) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not within 10 seconds: ${what}`);
}
