import type { CertificateSigningRequest } from '../../generated/api/certificates/v1.ts';

function hasTrue(request: CertificateSigningRequest, type: string): boolean {
  return request.status?.conditions?.some((each) => each.type === type && (each.status ?? 'True') !== 'False') ?? false;
}

export function isApproved(request: CertificateSigningRequest): boolean {
  return hasTrue(request, 'Approved') && !hasTrue(request, 'Denied');
}

export function isDecided(request: CertificateSigningRequest): boolean {
  return hasTrue(request, 'Approved') || hasTrue(request, 'Denied');
}

export function isDenied(request: CertificateSigningRequest): boolean {
  return hasTrue(request, 'Denied');
}

export function isFailed(request: CertificateSigningRequest): boolean {
  return hasTrue(request, 'Failed');
}

export function isIssued(request: CertificateSigningRequest): boolean {
  return Boolean(request.status?.certificate);
}
