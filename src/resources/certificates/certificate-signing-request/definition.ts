import type { CertificateSigningRequest } from '../../../generated/api/certificates/v1.ts';
import { certificatesigningrequests } from '../../../generated/resource-types.ts';
import { defineResource } from '../../define.ts';
import { humanDuration } from '../../human-duration.ts';
import { conditionsOf, fillTimes, keepConditions } from './conditions.ts';
import { validateRequest, validateRequestUpdate } from './validation.ts';

/** What an update through `approval` may change: conditions alone. */
export function prepareForApproval(next: CertificateSigningRequest, previous: CertificateSigningRequest): void {
  fillTimes(next, previous);
  next.spec = previous.spec;
  next.status = { ...previous.status, conditions: next.status?.conditions };
}

export const validateApproval = (next: CertificateSigningRequest, previous: CertificateSigningRequest) =>
  validateRequestUpdate(next, previous, 'approval');

/** Source: the printer of certificate requests (extractCSRStatus). */
function stateText(request: CertificateSigningRequest): string {
  const has = (type: string): boolean => conditionsOf(request, type).length > 0;
  const states = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'];
  if (has('Failed')) states.push('Failed');
  if (request.status?.certificate) states.push('Issued');
  return states.join(',');
}

/** Who asked is written by admission: strategies do not know the caller's groups. */
export const certificateSigningRequestResource = defineResource(certificatesigningrequests, {
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
  cells: {
    SignerName: ({ spec }) => spec.signerName || '<none>',
    Requestor: ({ spec }) => spec.username ?? '',
    RequestedDuration: ({ spec: { expirationSeconds: seconds } }) =>
      seconds === undefined ? '<none>' : humanDuration(seconds * 1000),
    Condition: stateText,
  },
  strategy: {
    prepareForCreate(request) {
      request.status = {};
    },
    validateCreate: validateRequest,
    prepareForUpdate(next, previous) {
      next.spec = previous.spec;
      next.status = previous.status;
    },
    validateUpdate: (next, previous) => validateRequestUpdate(next, previous, 'object'),
    prepareForStatusUpdate(next, previous) {
      next.spec = previous.spec;
      keepConditions(next, previous, 'Approved');
      keepConditions(next, previous, 'Denied');
      fillTimes(next, previous);
    },
    validateStatusUpdate: (next, previous) => validateRequestUpdate(next, previous, 'status'),
  },
});
