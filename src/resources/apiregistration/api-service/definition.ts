import type { APIService } from '../../../generated/api/apiregistration/v1.ts';
import { apiservices } from '../../../generated/resource-types.ts';
import { toTimeText } from '../../../machinery/values/time.ts';
import { keepMetadata } from '../../checks/status-metadata.ts';
import { defineResource } from '../../define.ts';
import { validateApiService, validateApiServiceStatus } from './validation.ts';

function availableText({ status }: APIService): string {
  const found = status?.conditions?.find(({ type }) => type === 'Available');
  if (found === undefined) return 'Unknown';
  return found.status === 'True' || !found.reason ? (found.status ?? '') : `${found.status} (${found.reason})`;
}

export const apiServiceResource = defineResource(apiservices, {
  storagePrefix: 'apiregistration.k8s.io/apiservices',
  allowUnconditionalUpdate: false,
  cells: {
    Service: ({ spec: { service } }) =>
      service === undefined ? 'Local' : `${service.namespace ?? ''}/${service.name ?? ''}`,
    Available: availableText,
  },
  strategy: {
    applyDefaults({ spec }) {
      if (spec.service !== undefined) spec.service.port ??= 443;
    },
    /** What this server answers itself is there at once. */
    prepareForCreate(object, { nowMs }) {
      const local = {
        type: 'Available',
        status: 'True',
        lastTransitionTime: toTimeText(nowMs),
        reason: 'Local',
        message: 'Local APIServices are always available',
      };
      object.status = object.spec.service === undefined ? { conditions: [local] } : {};
    },
    validateCreate: validateApiService,
    prepareForUpdate(next, previous) {
      next.status = previous.status;
    },
    validateUpdate: validateApiService,
    prepareForStatusUpdate(next, previous) {
      next.spec = previous.spec;
      keepMetadata(next, previous);
    },
    validateStatusUpdate: validateApiServiceStatus,
  },
});
