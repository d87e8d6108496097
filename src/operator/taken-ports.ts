import { portOf } from './addresses.ts';
import type { Observed } from './observed.ts';
import { portSequence } from './steps/service.ts';
import { troubleOf } from './trouble.ts';

type Seen = Omit<Observed, 'resolved' | 'takenPorts'>;

/** As many ports of its sequence as a tenant looks at for a free one. */
const LOOKED_AT = 16;

/**
 * Ports that the tenant must not get, though the host would give them: its pods share the ports of a machine with other
 * programs there. Empty where pods have networks of their own (`settings.isPortFree` is undefined).
 *
 * Asked only before a tenant has a port, and where its server could not open the one it has before any machine joined: a
 * tenant that machines know keeps its port.
 */
export async function findTakenPorts(seen: Seen): Promise<ReadonlySet<number>> {
  const { isPortFree } = seen.settings;
  const taken = new Set<number>();
  if (isPortFree === undefined) return taken;
  const present = portOf(seen.service);
  const isRefused = troubleOf(seen.pods, seen.deployment)?.reason === 'PortTaken';
  if (present !== undefined) {
    const { phase = 'Pending', nodes } = seen.cluster.status ?? {};
    const isUnknown = (phase === 'Pending' || phase === 'Provisioning') && !nodes?.total;
    if (!isRefused || !isUnknown || seen.spec.exposure.port !== undefined) return taken;
    taken.add(present);
  } else if (seen.pods.length > 0 && !isRefused) {
    // Its own server holds the port: only the Service is gone.
    return taken;
  }
  for (const port of portSequence(seen).slice(0, LOOKED_AT)) {
    if (taken.has(port)) continue;
    if (await isPortFree(port)) break;
    taken.add(port);
  }
  return taken;
}
