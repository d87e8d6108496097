import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { controllerRevisionResource } from './controller-revision/definition.ts';
import { daemonSetResource } from './daemon-set/definition.ts';
import { deploymentResource } from './deployment/definition.ts';
import { replicaSetResource } from './replica-set/definition.ts';
import { statefulSetResource } from './stateful-set/definition.ts';

export const appsKinds: readonly ResourceDefinition[] = [
  controllerRevisionResource,
  daemonSetResource,
  deploymentResource,
  replicaSetResource,
  statefulSetResource,
];
