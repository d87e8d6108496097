import type { APIServiceCondition } from '../../generated/api/apiregistration/v1.ts';
import type { Service } from '../../generated/api/core/v1.ts';
import type { EndpointSlice } from '../../generated/api/discovery/v1.ts';
import { services } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { User } from '../call.ts';
import type { ObjectReader } from '../object-reader.ts';
import { sendRequest } from '../proxy/kubelet.ts';
import { openWorkload } from '../workloads/open-workload.ts';
import type { WorkloadNetwork } from '../workloads/workload-network.ts';
import { proxyHeaders } from './proxy-headers.ts';
import type { RemoteService } from './remote-service.ts';

export interface AvailabilityDeps {
  readonly reader: ObjectReader;
  readonly network: WorkloadNetwork;
  readonly clock: Clock;
}

export type Finding = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>;

export const locallyAvailable: Finding = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};

const ATTEMPTS = 5;
const ATTEMPT_MS = 5_000;

/** Who the server is when it looks what others serve. */
export const aggregatorUser: User = { name: 'system:kube-aggregator', groups: ['system:masters'] };

/**
 * Whether the server of an APIService can be asked: its service, ports, endpoints, and what it answers to discovery.
 * Source: kube-aggregator `controllers/status/remote/remote_available_controller.go`.
 */
export async function findAvailability(remote: RemoteService, deps: AvailabilityDeps): Promise<Finding> {
  const { namespace, name, port } = remote.target;
  const service = await deps.reader.get(services as ResourceType<Service & KubeObject>, { namespace, name });
  const shown = `service/${name} in ${JSON.stringify(namespace)}`;
  if (service === undefined) return missing('ServiceNotFound', `${shown} is not present`);
  if ((service.spec?.type ?? 'ClusterIP') === 'ClusterIP') {
    const found = service.spec?.ports?.find((each) => each.port === port);
    if (found === undefined) return missing('ServicePortError', `${shown} is not listening on port ${port}`);
    const slices = await deps.network.slicesOf({ namespace, name });
    if (slices.length === 0) return missing('EndpointsNotFound', `cannot find endpointslices for ${shown}`);
    const portName = found.name ?? '';
    if (!slices.some((slice) => hasReady(slice, portName))) {
      const why = `endpointslices for ${shown} have no addresses with port name ${JSON.stringify(portName)}`;
      return missing('MissingEndpoints', why);
    }
  }
  const fault = await tryDiscovery(remote, deps);
  if (fault !== undefined) return missing('FailedDiscoveryCheck', fault);
  return { status: 'True', reason: 'Passed', message: 'all checks passed' };
}

function missing(reason: string, message: string): Finding {
  return { status: 'False', reason, message };
}

function hasReady({ endpoints, ports }: EndpointSlice, portName: string): boolean {
  // Empty lists are null on the wire.
  const isReady = (endpoints ?? []).some(({ conditions }) => conditions?.ready ?? true);
  return isReady && (ports ?? []).some(({ name, port }) => (name ?? '') === portName && port !== undefined);
}

/** One success is enough. @returns what went wrong with the last attempt */
async function tryDiscovery(remote: RemoteService, deps: AvailabilityDeps): Promise<string | undefined> {
  const first = await attempt(remote, deps);
  if (first === undefined) return undefined;
  const others = await Promise.all(Array.from({ length: ATTEMPTS - 1 }, () => attempt(remote, deps)));
  return others.includes(undefined) ? undefined : others.at(-1);
}

async function attempt(remote: RemoteService, { network, clock }: AvailabilityDeps): Promise<string | undefined> {
  let url: string;
  try {
    const { host, port } = await network.ofService(remote.target);
    url = `https://${host.includes(':') ? `[${host}]` : host}:${port}/apis/${remote.group}/${remote.version}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const limit = new AbortController();
  const late = new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)');
  const timer = clock.after(ATTEMPT_MS, () => limit.abort(late));
  try {
    const code = await statusOf(remote, network, limit.signal);
    if (code >= 200 && code < 300) return undefined;
    return `failing or missing response from ${url}: bad status from ${url}: ${code}`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `failing or missing response from ${url}: Get ${JSON.stringify(url)}: ${why}`;
  } finally {
    timer.cancel();
  }
}

/** Over a connection of its own: one that has been kept proves little. */
async function statusOf(remote: RemoteService, network: WorkloadNetwork, signal: AbortSignal): Promise<number> {
  const socket = await openWorkload(network, () => network.ofService(remote.target), remote.tls, signal);
  const abort = (): void => void socket.destroy(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await new Promise<number>((resolve, reject) => {
      const rawHeaders = ['Host', remote.tls.serverName, 'User-Agent', 'Go-http-client/1.1'];
      const path = `/apis/${remote.group}/${remote.version}`;
      const sent = sendRequest(socket, {
        method: 'GET',
        path,
        rawHeaders: [...rawHeaders, ...proxyHeaders(aggregatorUser)],
      });
      sent.once('response', (answer) => resolve(answer.statusCode ?? 0));
      sent.on('error', reject);
      sent.end();
    });
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}
