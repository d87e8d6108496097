import type { Device, DeviceAttribute, ResourceSlice } from '../../../generated/api/resource/v1.ts';
import { resourceslices } from '../../../generated/resource-types.ts';
import { quoteGo } from '../../../machinery/errors/field-error.ts';
import { systemTimeText } from '../../checks/system-time.ts';
import { defineResource } from '../../define.ts';
import { validateSlice } from './validation.ts';

const devicesOf = (slice: ResourceSlice | undefined): readonly Device[] => slice?.spec.devices ?? [];
const hasLists = ({ bools, ints, strings, versions }: DeviceAttribute): boolean =>
  (bools ?? ints ?? strings ?? versions) !== undefined;

/** Source: pkg/apis/resource/v1/defaults.go. */
function applyDefaults(slice: ResourceSlice): void {
  for (const { taints, nodeAllocatableResourceMappings: mappings } of devicesOf(slice)) {
    for (const taint of taints ?? []) taint.timeAdded ??= systemTimeText();
    for (const mapping of Object.values(mappings ?? {})) mapping.allocationMultiplier ??= '1';
  }
}

/**
 * Fields whose feature gates (DRANodeAllocatableResources, DRAListTypeAttributes) are off in 1.36; a slice that has them
 * keeps them. Source: pkg/registry/resource/resourceslice/strategy.go.
 */
function dropDisabled(slice: ResourceSlice, previous?: ResourceSlice): void {
  const keepsMappings = devicesOf(previous).some(
    ({ nodeAllocatableResourceMappings: mappings }) => Object.keys(mappings ?? {}).length > 0,
  );
  const keepsLists = devicesOf(previous).some(({ attributes }) => Object.values(attributes ?? {}).some(hasLists));
  for (const device of devicesOf(slice)) {
    if (!keepsMappings) device.nodeAllocatableResourceMappings = undefined;
    if (keepsLists) continue;
    for (const attribute of Object.values(device.attributes ?? {}))
      Object.assign(attribute, { bools: undefined, ints: undefined, strings: undefined, versions: undefined });
  }
}

function warn({ spec: { driver = '' } }: ResourceSlice): string[] {
  if (driver === driver.toLowerCase()) return [];
  return [`spec.driver: driver names should be lowercase; ${quoteGo(driver)} contains uppercase characters`];
}

export const resourceSliceResource = defineResource(resourceslices, {
  generation: 'spec',
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.driver': ({ spec }) => spec.driver ?? '',
  },
  cells: {
    Node: ({ spec }) => spec.nodeName ?? '',
    Driver: ({ spec }) => spec.driver ?? '',
    Pool: ({ spec }) => spec.pool?.name ?? '',
  },
  strategy: {
    applyDefaults,
    prepareForCreate: (slice) => dropDisabled(slice),
    prepareForUpdate: dropDisabled,
    validateCreate: (slice) => validateSlice(slice),
    validateUpdate: validateSlice,
    warningsOnCreate: warn,
    warningsOnUpdate: warn,
  },
});
