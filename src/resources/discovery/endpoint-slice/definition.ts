import type { EndpointSlice } from '../../../generated/api/discovery/v1.ts';
import { endpointslices } from '../../../generated/resource-types.ts';
import { ipWarnings } from '../../checks/ip-addresses.ts';
import { fewOf } from '../../columns.ts';
import { defineResource } from '../../define.ts';
import { validateEndpointSlice, validateEndpointSliceUpdate } from './validation.ts';

/** Source: pkg/apis/discovery/v1/defaults.go, conversion.go. */
function applyDefaults({ ports }: EndpointSlice): void {
  for (const port of ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}

/** Topology is a thing of the older version. Source: pkg/registry/discovery/endpointslice/strategy.go (dropTopologyOnV1). */
function dropTopology({ endpoints }: EndpointSlice): void {
  for (const endpoint of endpoints ?? []) endpoint.deprecatedTopology = undefined;
}

const MANAGERS = new Set(['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']);

function addressWarnings({ metadata, endpoints }: EndpointSlice): string[] {
  if (MANAGERS.has(metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return [];
  return (endpoints ?? []).flatMap(({ addresses }, index) =>
    (addresses ?? []).flatMap((address, position) => ipWarnings(`endpoints[${index}].addresses[${position}]`, address)),
  );
}

/** Source: printEndpointSlice. */
const listText = (items: readonly string[]): string => fewOf(items, 3, items.length) || '<unset>';

export const endpointSliceResource = defineResource(endpointslices, {
  generation: 'spec',
  cells: {
    AddressType: ({ addressType }) => addressType ?? '',
    Ports: ({ ports }) =>
      listText((ports ?? []).map(({ port, name }) => (port === undefined ? (name ?? '*') : String(port)))),
    Endpoints: ({ endpoints }) => listText((endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])),
  },
  strategy: {
    applyDefaults,
    prepareForCreate: dropTopology,
    prepareForUpdate: dropTopology,
    validateCreate: (slice) => validateEndpointSlice(slice, undefined),
    validateUpdate: validateEndpointSliceUpdate,
    warningsOnCreate: (slice) => [
      ...(slice.addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
      ...addressWarnings(slice),
    ],
    warningsOnUpdate: addressWarnings,
  },
});
