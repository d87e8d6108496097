import { networkpolicies } from '../../generated/resource-types.ts';
import { portOf } from '../addresses.ts';
import { labelsOf, namesOf, type Observed, secretText, selectorOf } from '../observed.ts';
import { databasePorts } from './datastore.ts';
import { type Step, wait, want } from './step.ts';

/**
 * Keeps a tenant's pod to itself: anyone, or the ranges that the user allows, may come in on its one port, and it may go
 * out to DNS and, with PostgreSQL, to the ports of the database. The host's API, other tenants and link-local addresses stay out of reach: calls to nodes ride tunnels
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
          ingress: [{ ...allowedPeers(observed), ports: [{ protocol: 'TCP', port }] }],
          egress: [dns, ...databaseRules(observed)],
        },
      },
    });
  },
};

/** Nothing where everybody may come; the operator itself always may, to see how the tenant is. */
function allowedPeers({ spec, settings }: Observed): { from?: unknown[] } {
  const { allowedCIDRs } = spec.exposure;
  if (allowedCIDRs.length === 0) return {};
  const own =
    settings.namespace === undefined
      ? []
      : [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': settings.namespace } } }];
  return { from: [...allowedCIDRs.map((cidr) => ({ ipBlock: { cidr } })), ...own] };
}

/** The database may be anywhere, inside the host cluster or outside, so only its ports are known. */
function databaseRules({ spec, datastoreSecret }: Observed): unknown[] {
  const { type, secretRef } = spec.datastore;
  if (type !== 'PostgreSQL' || secretRef === undefined) return [];
  const ports = databasePorts(secretText(datastoreSecret, secretRef.key) ?? '') ?? [];
  return [{ ports: ports.map((port) => ({ protocol: 'TCP', port })) }];
}
