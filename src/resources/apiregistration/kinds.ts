import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { apiServiceResource } from './api-service/definition.ts';

export const apiRegistrationKinds: readonly ResourceDefinition[] = [apiServiceResource];
