import type { Backend } from '../datastore/backend.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { putLeased, removeLeased } from './leased-keys.ts';

/** Source: kube-apiserver `pkg/controlplane/reconcilers/lease.go`: what lives here is a server that answers. */
const PREFIX = '/registry/masterleases/';
/** Source: kube-apiserver `--master-lease-ttl` (DefaultEndpointReconcilerTTL) and its interval. */
const LEASE_SECONDS = 15;
const RENEW_MS = 10_000;

export interface EndpointLeasesOptions {
  readonly backend: Backend;
  /** Addresses of this server, asked for each time: they may change. */
  addresses(): readonly string[];
  /** Tells the cluster where its servers are. */
  publish(addresses: readonly string[]): Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the cluster's endpoints in line with the servers that live: each renews a key that expires, and publishes the
 * addresses of all keys. Resolves once this server is among them.
 *
 * @returns how to leave: the others publish the rest; and how to tell that the own addresses have changed.
 */
export async function leaseEndpoints(
  options: EndpointLeasesOptions,
): Promise<{ leave: () => Promise<void>; changed: () => void }> {
  const { addresses, backend, clock, logger, publish } = options;
  const state: { generation: number; work: Promise<void>; left: boolean } = {
    generation: 0,
    work: Promise.resolve(),
    left: false,
  };
  const publishLiving = async (): Promise<void> => {
    const { items } = await backend.list(PREFIX);
    const living = items.map(({ key }) => key.slice(PREFIX.length));
    if (living.length > 0) await publish(living);
  };
  const renew = async (): Promise<void> => {
    state.generation++;
    // Those of old run out by themselves; another server may still have them.
    for (const address of addresses()) {
      const value = toValue(address, state.generation);
      await putLeased(backend, PREFIX + address, value, { leaseSeconds: LEASE_SECONDS });
    }
    await publishLiving();
  };
  await renew();
  const renewSoon = (): void => {
    state.work = state.work.then(async () => {
      if (state.left) return;
      await renew().catch((error) => logger.warn('the endpoints of the servers are not up to date', { error }));
    });
  };
  const timer = clock.every(RENEW_MS, renewSoon);
  const leave = async (): Promise<void> => {
    state.left = true;
    timer.cancel();
    await state.work;
    try {
      for (const address of addresses()) await removeLeased(backend, PREFIX + address);
      await publishLiving();
    } catch (error) {
      logger.warn('this server is still among the endpoints, for some seconds', { error });
    }
  };
  return { leave, changed: renewSoon };
}

/** As upstream writes it: the generation makes each renewal a change. */
function toValue(ip: string, generation: number): Buffer {
  const object = {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { generation },
    subsets: [{ addresses: [{ ip }] }],
  };
  return Buffer.from(`${JSON.stringify(object)}\n`);
}
