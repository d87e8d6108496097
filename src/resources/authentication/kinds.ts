import * as types from '../../generated/resource-types.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { defineResource } from '../define.ts';

/** Kinds that are answered, never stored. */
export const authenticationKinds: readonly ResourceDefinition[] = [
  defineResource(types.tokenreviews),
  defineResource(types.selfsubjectreviews),
];
