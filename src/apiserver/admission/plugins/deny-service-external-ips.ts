import type { Service } from '../../../generated/api/core/v1.ts';
import { type AdmissionPlugin, concerns, refused } from '../admission.ts';

/**
 * Services take no external addresses that they do not have already, since whoever may write services could catch the
 * traffic of others with them. Off unless it is asked for.
 *
 * Source: `plugin/pkg/admission/network/denyserviceexternalips`.
 */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  operations: ['CREATE', 'UPDATE'],
  validate(attempt) {
    if (!concerns(attempt, '', 'services')) return;
    const addressesOf = (service: unknown): readonly string[] =>
      (service as Service | undefined)?.spec?.externalIPs ?? [];
    const before = addressesOf(attempt.previous);
    if (addressesOf(attempt.object).every((address) => before.includes(address))) return;
    throw refused(attempt, 'Use of external IPs is denied by admission control');
  },
};
