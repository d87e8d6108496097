import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { deviceClassResource } from './device-class/definition.ts';
import { resourceClaimResource } from './resource-claim/definition.ts';
import { resourceClaimTemplateResource } from './resource-claim-template/definition.ts';
import { resourceSliceResource } from './resource-slice/definition.ts';

export const dynamicResourceKinds: readonly ResourceDefinition[] = [
  deviceClassResource,
  resourceClaimResource,
  resourceClaimTemplateResource,
  resourceSliceResource,
];
