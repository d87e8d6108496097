import type { Node, NodeAddress, Taint } from '../../generated/api/core/v1.ts';

/** Kubelets with an external cloud provider register with it, and nothing is scheduled until it is taken off. */
const UNINITIALIZED = 'node.cloudprovider.kubernetes.io/uninitialized';
/** The address that a kubelet was started with; it stands before others of its type. */
const PROVIDED_IP = 'alpha.kubernetes.io/provided-node-ip';
const INSTANCE_TYPE_LABELS = ['node.kubernetes.io/instance-type', 'beta.kubernetes.io/instance-type'] as const;

const ADDRESS_KEYS: readonly (readonly [key: string, type: string])[] = [
  ['k3s.io/internal-ip', 'InternalIP'],
  ['k3s.io/external-ip', 'ExternalIP'],
  ['k3s.io/internal-dns', 'InternalDNS'],
  ['k3s.io/external-dns', 'ExternalDNS'],
  ['k3s.io/hostname', 'Hostname'],
];

/** What a node lacks of what a cloud would tell of it; absent parts are right already. */
export interface NodePlan {
  readonly providerId?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** All taints that stay. */
  readonly taints?: readonly Taint[];
  readonly addresses?: readonly NodeAddress[];
}

/**
 * Decides on a node by what its agent wrote into its annotations (or labels, for want of those). A node that no agent
 * of k3s made is left alone.
 *
 * Source: k3s `pkg/cloudprovider/instances.go`, cloud-provider `controllers/node/node_controller.go`.
 */
export function planNode(node: Node): NodePlan {
  const { name = '', labels = {} } = node.metadata;
  const taints = node.spec?.taints ?? [];
  const isNew = taints.some(({ key }) => key === UNINITIALIZED);
  const addresses = addressesOf(node);
  if (addresses.length === 0) return {};
  const plan: { -readonly [K in keyof NodePlan]: NodePlan[K] } = {};
  if (!node.spec?.providerID) plan.providerId = `k3s://${name}`;
  const missing = INSTANCE_TYPE_LABELS.filter((label) => labels[label] === undefined);
  if (missing.length > 0) plan.labels = Object.fromEntries(missing.map((label) => [label, 'k3s']));
  if (isNew) plan.taints = taints.filter(({ key }) => key !== UNINITIALIZED);
  const present = node.status?.addresses ?? [];
  if (toText(addresses) !== toText(present)) plan.addresses = addresses;
  return plan;
}

export function isEmptyPlan(plan: NodePlan): boolean {
  return Object.keys(plan).length === 0;
}

/** Empty until the agent has written its internal address: before that nothing is known for sure. */
function addressesOf({ metadata: { annotations = {}, labels = {} } }: Node): NodeAddress[] {
  const addresses = ADDRESS_KEYS.flatMap(([key, type]) =>
    (annotations[key] || labels[key] || '')
      .split(',')
      .filter((address) => address !== '')
      .map((address) => ({ type, address })),
  );
  if (!addresses.some(({ type }) => type === 'InternalIP')) return [];
  const provided = annotations[PROVIDED_IP]?.split(',')[0];
  const first = addresses.find(({ address }) => address === provided);
  return first === undefined ? addresses : [first, ...addresses.filter((each) => each !== first)];
}

const toText = (addresses: readonly NodeAddress[]): string =>
  addresses.map(({ type, address }) => `${type}=${address}`).join();
