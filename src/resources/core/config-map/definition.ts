import { configmaps } from '../../../generated/resource-types.ts';
import { defineResource } from '../../define.ts';
import { validateConfigMap, validateConfigMapUpdate } from './validation.ts';

export const configMapResource = defineResource(configmaps, {
  cells: { Data: ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length },
  strategy: { validateCreate: validateConfigMap, validateUpdate: validateConfigMapUpdate },
});
