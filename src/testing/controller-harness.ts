import type { Client } from '../client/client.ts';
import { createEventRecorder } from '../client/events.ts';
import { Informers } from '../client/informers.ts';
import type { ControllerConfig, ControllerDeps } from '../controllers/definition.ts';
import { controllers } from '../controllers/index.ts';
import { type Clock, systemClock } from '../std/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { FakeTransport } from './fake-transport.ts';

export interface ControllerHarness extends AsyncDisposable {
  readonly server: FakeTransport;
  readonly client: Client;
  readonly deps: ControllerDeps;
  readonly signal: AbortSignal;
  /** Waits until `isTrue`, looking after every few turns of the loop. @throws Error after 5 seconds. */
  until(isTrue: () => boolean): Promise<void>;
  /** Lets everything that can happen at once happen. */
  settle(): Promise<void>;
}

/** Runs controllers by name against a fake server, by the system's clock or another. Abort by disposing. */
export function startControllers(
  names: readonly string[],
  config: Partial<ControllerConfig> = {},
  prepare: (server: FakeTransport) => void = () => {},
  clock: Clock = systemClock,
): ControllerHarness {
  const server = new FakeTransport();
  prepare(server);
  const stop = new AbortController();
  const client = server.client;
  const base = { clock: systemClock, logger: silentLogger, signal: stop.signal };
  const informers = new Informers({ client, ...base });
  const deps: ControllerDeps = {
    clientFor: () => client,
    informers,
    clock,
    logger: silentLogger,
    events: (component, owner) => createEventRecorder({ client: owner, component, ...base }),
    config: { clusterCIDRs: ['10.42.0.0/16'], serviceCIDRs: ['10.43.0.0/16'], rootCA: 'PEM', ...config },
    random: Math.random,
  };
  const running = controllers
    .filter((controller) => names.includes(controller.name))
    .map((controller) => controller.start(deps, stop.signal));
  if (running.length !== names.length) throw new Error(`unknown controller among ${names.join(', ')}`);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    server,
    client,
    deps,
    signal: stop.signal,
    settle,
    async until(isTrue) {
      for (const endMs = systemClock.nowMs() + 5000; systemClock.nowMs() < endMs; ) {
        if (isTrue()) return;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      throw new Error('it did not come true within 5 seconds');
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([...running, informers.ended()]);
    },
  };
}
