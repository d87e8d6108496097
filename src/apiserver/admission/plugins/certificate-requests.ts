import type { CertificateSigningRequest } from '../../../generated/api/certificates/v1.ts';
import type { Authorizer } from '../../call.ts';
import { isSame } from '../../registry/equality.ts';
import { type AdmissionAttempt, type AdmissionPlugin, concerns, refused } from '../admission.ts';

const GROUP = 'certificates.k8s.io';
const RESOURCE = 'certificatesigningrequests';

/** Approving needs the right to approve for that signer. Source: `plugin/pkg/admission/certificates/approval`. */
export function certificateApproval(deps: { readonly authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    operations: ['UPDATE'],
    async validate(attempt) {
      if (!concerns(attempt, GROUP, RESOURCE, 'approval')) return;
      const { signerName } = (attempt.previous as unknown as CertificateSigningRequest).spec;
      if (await mayActFor(deps.authorizer, attempt, 'approve', signerName)) return;
      throw refused(attempt, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
    },
  };
}

/** Issuing needs the right to sign for that signer. Source: `plugin/pkg/admission/certificates/signing`. */
export function certificateSigning(deps: { readonly authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    operations: ['UPDATE'],
    async validate(attempt) {
      if (!concerns(attempt, GROUP, RESOURCE, 'status')) return;
      const previous = attempt.previous as unknown as CertificateSigningRequest;
      const next = attempt.object as unknown as CertificateSigningRequest;
      const unchanged =
        (previous.status?.certificate ?? '') === (next.status?.certificate ?? '') &&
        isSame(previous.status?.conditions, next.status?.conditions);
      if (unchanged) return;
      const { signerName } = previous.spec;
      if (await mayActFor(deps.authorizer, attempt, 'sign', signerName)) return;
      throw refused(attempt, `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`);
    },
  };
}

/**
 * Writes down who asked, and nobody else's word counts. Upstream's kind does it itself, as the last change before the
 * rules judge: so this comes behind all others. Source: `pkg/registry/certificates/certificates/strategy.go`.
 */
export const certificateRequester: AdmissionPlugin = {
  name: 'CertificateRequester',
  operations: ['CREATE'],
  mutate(attempt) {
    if (!concerns(attempt, GROUP, RESOURCE)) return;
    const { spec } = attempt.object as unknown as { spec?: Partial<CertificateSigningRequest['spec']> };
    if (spec === undefined) return;
    const { name, uid, groups, extra } = attempt.user;
    for (const field of ['username', 'uid', 'groups', 'extra'] as const) delete spec[field];
    spec.username = name;
    if (uid) spec.uid = uid;
    if (groups.length > 0) spec.groups = [...groups];
    if (extra !== undefined && Object.keys(extra).length > 0) {
      spec.extra = Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
    }
  },
};

/** Who a certificate request is for. */
export interface RequestSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** Reads the subject of a PKCS#10 request in PEM. @throws where it is none. */
export type ReadRequestSubject = (pem: string) => RequestSubject;

/**
 * Nobody becomes `system:masters` by a certificate request.
 * Source: `plugin/pkg/admission/certificates/subjectrestriction`.
 */
export function certificateSubjectRestriction(deps: { readonly readSubject: ReadRequestSubject }): AdmissionPlugin {
  return {
    name: 'CertificateSubjectRestriction',
    operations: ['CREATE'],
    validate(attempt) {
      if (!concerns(attempt, GROUP, RESOURCE)) return;
      const { signerName, request } = (attempt.object as unknown as CertificateSigningRequest).spec;
      if (signerName !== 'kubernetes.io/kube-apiserver-client') return;
      if (!subjectOf(attempt, request, deps.readSubject).organizations.includes('system:masters')) return;
      throw refused(attempt, `use of ${signerName} signer with system:masters group is not allowed`);
    },
  };
}

/** The subject of a request in base64. @throws StatusError 403 where it cannot be read. */
export function subjectOf(
  attempt: AdmissionAttempt,
  request: string,
  read: ReadRequestSubject,
  complaint = 'failed to parse CSR',
): RequestSubject {
  try {
    return read(Buffer.from(request, 'base64').toString('utf8'));
  } catch (error) {
    throw refused(attempt, `${complaint}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The right on the signer itself, or on all signers of its domain. Source: `pkg/apis/certificates/...authorization`. */
async function mayActFor(
  authorizer: Authorizer,
  attempt: AdmissionAttempt,
  verb: string,
  signerName: string,
): Promise<boolean> {
  const domain = signerName.split('/')[0] ?? '';
  for (const name of [signerName, `${domain}/*`]) {
    const attributes = {
      isResourceRequest: true,
      verb,
      path: '',
      group: GROUP,
      version: '*',
      namespace: '',
      resource: 'signers',
      subresource: '',
      name,
    };
    const { verdict } = await authorizer.authorize(attempt.user, attributes, attempt.signal);
    if (verdict === 'allow') return true;
  }
  return false;
}
