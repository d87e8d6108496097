import * as types from '../../generated/resource-types.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { defineResource } from '../define.ts';

/** Kinds that are answered, never stored. */
export const authorizationKinds: readonly ResourceDefinition[] = [
  defineResource(types.subjectaccessreviews),
  defineResource(types.localsubjectaccessreviews),
  defineResource(types.selfsubjectaccessreviews),
  defineResource(types.selfsubjectrulesreviews),
];
