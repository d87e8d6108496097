/** ConfigMap whose keys are shut out: names of nodes, and certificates by `sha256.<fingerprint in hex>`. */
export const DENIED_MACHINES = { namespace: 'kube-system', name: 'denied-machines' } as const;

const NODE_PREFIX = 'system:node:';
const FINGERPRINT_PREFIX = 'sha256.';

/** The ConfigMap's data: why by what. */
export type DeniedMachines = Readonly<Record<string, string>>;

/**
 * Whether a caller is shut out by the node that it is, or by the certificate that it shows.
 *
 * @param fingerprint - SHA-256 of the certificate's DER in hex, with or without colons; undefined without one.
 */
export function isDenied(denied: DeniedMachines, name: string, fingerprint?: string): boolean {
  if (name.startsWith(NODE_PREFIX) && isNodeDenied(denied, name.slice(NODE_PREFIX.length))) return true;
  if (fingerprint === undefined) return false;
  return Object.hasOwn(denied, FINGERPRINT_PREFIX + fingerprint.replaceAll(':', '').toLowerCase());
}

export function isNodeDenied(denied: DeniedMachines, nodeName: string): boolean {
  return Object.hasOwn(denied, nodeName.toLowerCase());
}
