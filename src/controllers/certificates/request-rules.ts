import type { CertificateRequest } from '../../pki/certificate-request.ts';

/** Signers whose requests this control plane signs. */
export const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
export const KUBELET_SERVING = 'kubernetes.io/kubelet-serving';
export const API_CLIENT = 'kubernetes.io/kube-apiserver-client';
export const LEGACY = 'kubernetes.io/legacy-unknown';

/**
 * Why a request may not be signed by a signer; undefined where it may.
 *
 * Source: `pkg/apis/certificates/helpers.go`, `pkg/controller/certificates/signer/signer.go`.
 */
export function findFault(
  signerName: string,
  request: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  switch (signerName) {
    case KUBELET_CLIENT:
      return kubeletClientFault(request, usages);
    case KUBELET_SERVING:
      return kubeletServingFault(request, usages);
    case API_CLIENT: {
      const foreign = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage));
      if (foreign !== undefined) return `invalid usage for client certificate: ${foreign}`;
      return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
    }
    default:
      return undefined;
  }
}

export function kubeletClientFault(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return nameFault(request) ?? usageFault(usages, 'client auth');
}

function kubeletServingFault(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (request.dnsNames.length + request.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (request.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return usageFault(usages, 'server auth') ?? nameFault(request);
}

function isOfNodes({ organizations }: CertificateRequest): boolean {
  return organizations.length === 1 && organizations[0] === 'system:nodes';
}

function nameFault({ commonName }: CertificateRequest): string | undefined {
  return commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node:';
}

function usageFault(usages: readonly string[], purpose: string): string | undefined {
  const given = new Set(usages);
  const wanted = [purpose, 'digital signature', 'key encipherment'];
  // Keys that are not RSA have no key encipherment.
  const isFull = given.size === 3 && wanted.every((usage) => given.has(usage));
  const isShort = given.size === 2 && given.has(purpose) && given.has('digital signature');
  const listed = [...wanted].sort().join(' ');
  return isFull || isShort ? undefined : `usages did not match [${listed}]`;
}
