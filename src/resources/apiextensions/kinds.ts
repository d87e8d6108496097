import { customresourcedefinitions } from '../../generated/resource-types.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { defineResource } from '../define.ts';

/** Its rules come from the server, which lives by them. */
export const apiExtensionsKinds: readonly ResourceDefinition[] = [
  defineResource(customresourcedefinitions, {
    storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions',
    generation: 'spec',
  }),
];
