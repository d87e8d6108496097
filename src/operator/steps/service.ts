import { createHash } from 'node:crypto';
import { services } from '../../generated/resource-types.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { portOf } from '../addresses.ts';
import { labelsOf, namesOf, type Observed, selectorOf } from '../observed.ts';
import { type Step, type StepOutcome, want } from './step.ts';

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
  const { cluster, spec, settings } = observed;
  const port =
    spec.exposure.port ??
    portOf(observed.service) ??
    candidatePort(cluster.metadata.uid ?? '', attempt, settings.nodePorts);
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
        {
          name: 'https',
          protocol: 'TCP',
          port,
          targetPort: port,
          ...(type === 'ClusterIP' ? {} : { nodePort: port }),
        },
      ],
    },
  };
  return want({ type: services, object });
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
