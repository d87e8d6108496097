import { randomUUID } from 'node:crypto';
import type { LimitRange, LimitRangeItem } from '../../../generated/api/core/v1.ts';
import { limitranges } from '../../../generated/resource-types.ts';
import { roundAmounts } from '../../checks/round-amounts.ts';
import { defineResource } from '../../define.ts';
import { validateLimitRange } from './validation.ts';

const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

/** Source: pkg/apis/core/v1/defaults.go (SetDefaults_LimitRangeItem). */
function defaultItem(item: LimitRangeItem): void {
  for (const list of LISTS) roundAmounts(item[list]);
  if (item.type !== 'Container') return;
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

export const limitRangeResource = defineResource(limitranges, {
  allowCreateOnUpdate: true,
  strategy: {
    applyDefaults(object: LimitRange) {
      for (const item of object.spec?.limits ?? []) defaultItem(item);
    },
    prepareForCreate({ metadata }) {
      if (!metadata.name) metadata.name = randomUUID();
    },
    validateCreate: validateLimitRange,
    validateUpdate: validateLimitRange,
  },
});
