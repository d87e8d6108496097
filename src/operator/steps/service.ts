import { createHash } from 'node:crypto';
import { services } from '../../generated/resource-types.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { formerName, formerPorts, PORT_NAME, portOf } from '../addresses.ts';
import type { ExposureType } from '../api/virtual-cluster.ts';
import { labelsOf, namesOf, type Observed, secretText, selectorOf } from '../observed.ts';
import { type Step, type StepOutcome, wait, want } from './step.ts';

/**
 * The Service, whose port, targetPort and nodePort are one number: the server listens on it, and agents dial what the
 * tenant's `default/kubernetes` says, which is the same number again. So the port is settled before anything else.
 */
export const serviceStep: Step = {
  name: 'service',
  condition: 'EndpointReachable',
  plan: (observed) => planService(observed, 0),
};

/** The Service with the `attempt`-th port of the tenant's sequence, or with the port that it has. */
export function planService(observed: Observed, attempt: number): StepOutcome {
  const { cluster, spec, takenPorts } = observed;
  const port = choosePort(observed, attempt);
  if (port === undefined) return wait('NoFreePort', 'no port was free: another one is tried');
  if (takenPorts?.has(port))
    return wait(
      'PortTaken',
      `spec.exposure.nodePort.port ${port} is taken by another program: end it, choose another port, or leave it empty`,
    );
  const { type, annotations, allowedCIDRs, loadBalancerClass } = spec.exposure;
  const isRestricted = allowedCIDRs.length > 0 && type !== 'ClusterIP';
  const object: AnyObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: namesOf(cluster).server,
      namespace: cluster.metadata.namespace,
      labels: labelsOf(cluster),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: {
      type,
      selector: selectorOf(cluster),
      // A node that is not ready to take API calls may still be the one that agents can reach.
      publishNotReadyAddresses: true,
      ...(isRestricted ? { externalTrafficPolicy: 'Local' } : {}),
      ...(isRestricted && type === 'LoadBalancer' ? { loadBalancerSourceRanges: allowedCIDRs } : {}),
      ...(type === 'LoadBalancer' && loadBalancerClass !== undefined ? { loadBalancerClass } : {}),
      ports: [
        toPort(PORT_NAME, port, type),
        ...formerPorts(observed, port).map((former) => toPort(formerName(former), former, type)),
      ],
    },
  };
  return want({ type: services, object });
}

function toPort(name: string, port: number, type: ExposureType) {
  return { name, protocol: 'TCP', port, targetPort: port, ...(type === 'ClusterIP' ? {} : { nodePort: port }) };
}

/** The `attempt`-th port that may do: a port that was chosen or is in use comes before those of the sequence. */
function choosePort(observed: Observed, attempt: number): number | undefined {
  const { spec, service, takenPorts } = observed;
  if (spec.exposure.port !== undefined) return spec.exposure.port;
  const present = portOf(service);
  if (present !== undefined && !takenPorts?.has(present)) return present;
  return portSequence(observed).filter((port) => !takenPorts?.has(port))[attempt];
}

/** Length of a tenant's sequence of ports. */
const SEQUENCE = 64;

/**
 * Ports in the order in which a tenant without a Service tries them: the one that machines were told comes first, so that
 * a Service that was deleted, or a tenant that was retained, comes back where they look for it.
 */
export function portSequence({
  cluster,
  spec,
  settings,
  tokenSecret,
}: Pick<Observed, 'cluster' | 'spec' | 'settings' | 'tokenSecret'>): readonly number[] {
  if (spec.exposure.port !== undefined) return [spec.exposure.port];
  const { first, last } = settings.nodePorts;
  const told = Number(/:(\d+)$/.exec(secretText(tokenSecret, 'url') ?? '')?.[1]);
  const own = Array.from({ length: SEQUENCE }, (_, attempt) =>
    candidatePort(cluster.metadata.uid ?? '', attempt, settings.nodePorts),
  );
  return [...new Set([...(told >= first && told <= last ? [told] : []), ...own])];
}

/** A port of the tenant's own sequence: the same tenant tries the same ports, different tenants start apart. */
export function candidatePort(
  uid: string,
  attempt: number,
  range: { readonly first: number; readonly last: number },
): number {
  const digest = createHash('sha256').update(`${uid}/${attempt}`).digest();
  return range.first + (digest.readUInt32BE(0) % (range.last - range.first + 1));
}
