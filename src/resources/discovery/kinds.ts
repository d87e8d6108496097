import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { endpointSliceResource } from './endpoint-slice/definition.ts';
import { oldEndpointSliceResource } from './endpoint-slice/v1beta1.ts';

export const discoveryKinds: readonly ResourceDefinition[] = [endpointSliceResource, oldEndpointSliceResource];
