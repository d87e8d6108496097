import type { Duplex } from 'node:stream';
import { startVerifiedTls, type TlsExpectations } from './verified-tls.ts';
import type { Workload, WorkloadNetwork } from './workload-network.ts';

/**
 * Opens a TLS connection to what `find` names, now. The signal counts until the connection stands: what is kept for
 * later requests does not end with the first.
 * @throws Error of the search, the way or the handshake
 */
export async function openWorkload(
  network: Pick<WorkloadNetwork, 'connect'>,
  find: () => Promise<Workload>,
  tls: TlsExpectations,
  signal: AbortSignal,
): Promise<Duplex> {
  signal.throwIfAborted();
  const opening = new AbortController();
  const abort = (): void => opening.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const workload = await find();
    return await startVerifiedTls(await network.connect(workload, opening.signal), tls);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
