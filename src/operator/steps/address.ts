import { advertised } from '../addresses.ts';
import type { Observed } from '../observed.ts';
import { type Step, wait, want } from './step.ts';

/** Holds everything back until machines have an address to dial. */
export const addressStep: Step = {
  name: 'address',
  condition: 'EndpointReachable',
  plan(observed) {
    const { hosts, addresses } = advertised(observed);
    if (hosts.length === 0) return wait('NoAddress', noAddressMessage(observed));
    if (addresses.length === 0)
      return wait(
        'HostNotResolved',
        `${hosts.join(', ')} cannot be resolved to an address yet: wait for the DNS record, or name an address in spec.exposure.hosts`,
      );
    return want();
  },
};

export function noAddressMessage({ spec }: Observed): string {
  switch (spec.exposure.type) {
    case 'NodePort':
      return 'no node of the host cluster is ready and has an address: wait for one, or set spec.exposure.hosts';
    case 'LoadBalancer':
      return 'the load balancer has no address yet: wait for the cloud, or set spec.exposure.hosts';
    case 'ClusterIP':
      return 'the Service has no cluster IP yet';
  }
}
