import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { bindingResource } from './binding/definition.ts';
import { componentStatusResource } from './component-status/definition.ts';
import { configMapResource } from './config-map/definition.ts';
import { endpointsResource } from './endpoints/definition.ts';
import { eventResource } from './event/definition.ts';
import { limitRangeResource } from './limit-range/definition.ts';
import { namespaceResource } from './namespace/definition.ts';
import { nodeResource } from './node/definition.ts';
import { persistentVolumeResource } from './persistent-volume/definition.ts';
import { persistentVolumeClaimResource } from './persistent-volume-claim/definition.ts';
import { podResource } from './pod/definition.ts';
import { podTemplateResource } from './pod-template/definition.ts';
import { replicationControllerResource } from './replication-controller/definition.ts';
import { resourceQuotaResource } from './resource-quota/definition.ts';
import { secretResource } from './secret/definition.ts';
import { serviceResource } from './service/definition.ts';
import { serviceAccountResource } from './service-account/definition.ts';

export const coreKinds: readonly ResourceDefinition[] = [
  bindingResource,
  componentStatusResource,
  configMapResource,
  endpointsResource,
  eventResource,
  limitRangeResource,
  namespaceResource,
  nodeResource,
  persistentVolumeResource,
  persistentVolumeClaimResource,
  podResource,
  podTemplateResource,
  replicationControllerResource,
  resourceQuotaResource,
  secretResource,
  serviceResource,
  serviceAccountResource,
];
