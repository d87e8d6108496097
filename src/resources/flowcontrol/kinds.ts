import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { flowSchemaResource } from './flow-schema/definition.ts';
import { priorityLevelConfigurationResource } from './priority-level-configuration/definition.ts';

export const flowControlKinds: readonly ResourceDefinition[] = [flowSchemaResource, priorityLevelConfigurationResource];
