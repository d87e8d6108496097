import type { EndpointSlice } from '../../../generated/api/discovery/v1.ts';
import type { EndpointSlice as OldEndpointSlice } from '../../../generated/api/discovery/v1beta1.ts';
import { endpointslices, type ResourceType } from '../../../generated/resource-types.ts';
import type { AnyObject } from '../../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../../machinery/object/resource-definition.ts';
import { defineResource } from '../../define.ts';
import { endpointSliceResource } from './definition.ts';

/** The version that kube-proxies before 1.22 watch. It is not in discovery: newer clients need not know of it. */
const oldSlices: ResourceType<OldEndpointSlice> = {
  ...endpointslices,
  version: 'v1beta1',
} as ResourceType<OldEndpointSlice>;

/** Source: pkg/apis/discovery/v1beta1/conversion.go. */
function toOldSlice(stored: AnyObject): AnyObject {
  const { endpoints, ...rest } = stored as unknown as EndpointSlice;
  const converted = (endpoints ?? []).map(({ zone, deprecatedTopology, ...endpoint }) => {
    const topology: Record<string, string> = {
      ...deprecatedTopology,
      ...(zone ? { 'topology.kubernetes.io/zone': zone } : {}),
    };
    if (endpoint.nodeName) topology['kubernetes.io/hostname'] = endpoint.nodeName;
    return { ...endpoint, ...(Object.keys(topology).length > 0 ? { topology } : {}) };
  });
  return { ...rest, endpoints: converted } as unknown as AnyObject;
}

function fromOldSlice(object: AnyObject): AnyObject {
  const { endpoints, ...rest } = object as unknown as OldEndpointSlice;
  const converted = (endpoints ?? []).map(({ topology, ...endpoint }) => {
    const { 'kubernetes.io/hostname': _host, 'topology.kubernetes.io/zone': zone, ...others } = topology ?? {};
    return {
      ...endpoint,
      ...(zone ? { zone } : {}),
      ...(Object.keys(others).length > 0 ? { deprecatedTopology: others } : {}),
    };
  });
  return { ...rest, apiVersion: 'discovery.k8s.io/v1', endpoints: converted } as unknown as AnyObject;
}

export const oldEndpointSliceResource = {
  ...defineResource(oldSlices, {
    storageVersion: 'v1',
    convert: { fromStorage: toOldSlice, toStorage: fromOldSlice },
    columns: endpointSliceResource.columns as never,
  }),
  singular: 'endpointslice',
  verbs: ['get', 'list', 'watch'],
  hidden: true,
} as unknown as ResourceDefinition;
Object.defineProperty(oldEndpointSliceResource, 'schema', {
  enumerable: true,
  get: () => defineResource(oldSlices).schema,
});
