import type { ComponentStatus } from '../../../generated/api/core/v1.ts';
import { componentstatuses } from '../../../generated/resource-types.ts';
import { defineResource } from '../../define.ts';

const healthOf = ({ conditions }: ComponentStatus) => conditions?.find(({ type }) => type === 'Healthy');

export const componentStatusResource = defineResource(componentstatuses, {
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  cells: {
    Status(object) {
      const health = healthOf(object);
      if (health === undefined) return 'Unknown';
      return health.status === 'True' ? 'Healthy' : 'Unhealthy';
    },
    Message: (object) => healthOf(object)?.message ?? '',
    Error: (object) => healthOf(object)?.error ?? '',
  },
});
