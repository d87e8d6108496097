import type { ResourceQuota } from '../../../generated/api/core/v1.ts';
import { resourcequotas } from '../../../generated/resource-types.ts';
import { parseQuantity } from '../../../machinery/values/quantity.ts';
import { roundAmounts } from '../../checks/round-amounts.ts';
import { defineResource } from '../../define.ts';
import { specAndStatus } from '../../status-strategy.ts';
import { validateQuota, validateQuotaStatus, validateQuotaUpdate } from './validation.ts';

/** Warns of quotas that allow more requests than limits. Source: pkg/registry/core/resourcequota/strategy.go. */
function warn({ spec }: ResourceQuota): string[] {
  const hard = spec?.hard ?? {};
  return ['cpu', 'memory', 'storage', 'ephemeral-storage'].flatMap((name) => {
    const plain = name === 'cpu' || name === 'memory';
    const asked = hard[`requests.${name}`] === undefined && plain ? name : `requests.${name}`;
    const request = hard[asked];
    const limit = hard[`limits.${name}`];
    if (request === undefined || limit === undefined) return [];
    if (parseQuantity(request).compare(parseQuantity(limit)) <= 0) return [];
    return [`ResourceQuota ${asked} (${request}) should be less than limits.${name} (${limit})`];
  });
}

function amountsText({ status }: ResourceQuota, options: { readonly limits: boolean }): string {
  return Object.entries(status?.hard ?? {})
    .filter(([name]) => name.startsWith('limits.') === options.limits)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
    .join(', ');
}

export const resourceQuotaResource = defineResource(resourcequotas, {
  cells: {
    Request: (quota) => amountsText(quota, { limits: false }),
    Limit: (quota) => amountsText(quota, { limits: true }),
  },
  strategy: specAndStatus<ResourceQuota>({
    applyDefaults({ spec, status }) {
      roundAmounts(spec?.hard);
      roundAmounts(status?.hard);
      roundAmounts(status?.used);
    },
    validateCreate: validateQuota,
    validateUpdate: validateQuotaUpdate,
    validateStatusUpdate: validateQuotaStatus,
    warningsOnCreate: warn,
  }),
});
