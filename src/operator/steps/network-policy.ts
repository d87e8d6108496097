import { networkpolicies } from '../../generated/resource-types.ts';
import { formerPorts, portOf } from '../addresses.ts';
import { WORKS_FOR } from '../backups/job.ts';
import { labelsOf, namesOf, type Observed, secretText, selectorOf } from '../observed.ts';
import { databasePorts } from './datastore.ts';
import { type Step, wait, want } from './step.ts';

/** Where servers of one tenant ask each other for their tunnels; the Service does not lead there. */
export const PEER_PORT = 6444;

/**
 * Keeps a tenant's pod to itself: anyone, or the ranges that the user allows, may come in on its one port, and it may go
 * out to DNS and, with PostgreSQL, to the ports of the database and to the tenant's other pods. The host's API, other tenants and link-local addresses stay out of reach: calls to nodes ride tunnels
 * that the nodes opened.
 */
export const networkPolicyStep: Step = {
  name: 'network-policy',
  condition: 'ControlPlaneAvailable',
  plan(observed) {
    const { cluster, service } = observed;
    const port = portOf(service);
    if (port === undefined) return wait('ServiceMissing', 'the Service has no port yet');
    const dns = {
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }],
      ports: [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 53 },
      ],
    };
    return want({
      type: networkpolicies,
      object: {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: namesOf(cluster).server, namespace: cluster.metadata.namespace, labels: labelsOf(cluster) },
        spec: {
          podSelector: { matchLabels: selectorOf(cluster) },
          policyTypes: ['Ingress', 'Egress'],
          ingress: [
            {
              ...allowedPeers(observed),
              ports: [port, ...formerPorts(observed, port)].map((each) => ({ protocol: 'TCP', port: each })),
            },
            ...replicaRules(observed, 'from'),
          ],
          egress: [dns, ...databaseRules(observed), ...replicaRules(observed, 'to')],
        },
      },
    });
  },
};

/** Nothing where everybody may come; Jobs of the tenant and the operator itself always may, to see how the tenant is. */
function allowedPeers({ cluster, spec, settings }: Observed): { from?: unknown[] } {
  const { allowedCIDRs } = spec.exposure;
  if (allowedCIDRs.length === 0) return {};
  const own =
    settings.namespace === undefined
      ? []
      : [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': settings.namespace } } }];
  const jobs = { podSelector: { matchLabels: { [WORKS_FOR]: cluster.metadata.name ?? '' } } };
  return { from: [...allowedCIDRs.map((cidr) => ({ ipBlock: { cidr } })), jobs, ...own] };
}

/** Servers that share a database reach each other, and nobody else reaches them on that port. */
function replicaRules({ cluster, spec }: Observed, direction: 'from' | 'to'): unknown[] {
  if (spec.datastore.type === 'SQLite') return [];
  const peers = [{ podSelector: { matchLabels: selectorOf(cluster) } }];
  return [{ [direction]: peers, ports: [{ protocol: 'TCP', port: PEER_PORT }] }];
}

/** The database may be anywhere, inside the host cluster or outside, so only its ports are known. */
function databaseRules({ spec, datastoreSecret }: Observed): unknown[] {
  const { type, secretRef } = spec.datastore;
  if (type !== 'PostgreSQL' || secretRef === undefined) return [];
  const ports = databasePorts(secretText(datastoreSecret, secretRef.key) ?? '') ?? [];
  return [{ ports: ports.map((port) => ({ protocol: 'TCP', port })) }];
}
