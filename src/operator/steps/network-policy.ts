import { networkpolicies } from '../../generated/resource-types.ts';
import { portOf } from '../addresses.ts';
import { labelsOf, namesOf, selectorOf } from '../observed.ts';
import { type Step, wait, want } from './step.ts';

/**
 * Keeps a tenant's pod to itself: anyone may come in on its one port, and it may go out to DNS and, with PostgreSQL, to
 * the database. The host's API, other tenants and link-local addresses stay out of reach: calls to nodes ride tunnels
 * that the nodes opened.
 */
export const networkPolicyStep: Step = {
  name: 'network-policy',
  condition: 'Isolated',
  plan({ cluster, spec, service }) {
    const port = portOf(service);
    if (port === undefined) return wait('ServiceMissing', 'the Service has no port yet');
    const dns = {
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }],
      ports: [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 53 },
      ],
    };
    const database = { ports: [{ protocol: 'TCP', port: 5432 }] };
    return want({
      type: networkpolicies,
      object: {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: namesOf(cluster).server, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
        spec: {
          podSelector: { matchLabels: selectorOf(cluster) },
          policyTypes: ['Ingress', 'Egress'],
          ingress: [{ ports: [{ protocol: 'TCP', port }] }],
          egress: spec.datastore.type === 'PostgreSQL' ? [dns, database] : [dns],
        },
      },
    });
  },
};
