import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { csiDriverResource } from './csi-driver/definition.ts';
import { csiNodeResource } from './csi-node/definition.ts';
import { csiStorageCapacityResource } from './csi-storage-capacity/definition.ts';
import { storageClassResource } from './storage-class/definition.ts';
import { volumeAttachmentResource } from './volume-attachment/definition.ts';
import { volumeAttributesClassResource } from './volume-attributes-class/definition.ts';

export const storageKinds: readonly ResourceDefinition[] = [
  storageClassResource,
  csiDriverResource,
  csiNodeResource,
  csiStorageCapacityResource,
  volumeAttachmentResource,
  volumeAttributesClassResource,
];
