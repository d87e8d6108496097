import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { cronJobResource } from './cron-job/definition.ts';
import { jobResource } from './job/definition.ts';

export const batchKinds: readonly ResourceDefinition[] = [cronJobResource, jobResource];
