import type { Container, ContainerExtendedResourceRequest, Pod } from '../../generated/api/core/v1.ts';
import type { DeviceClass, DeviceRequest, ResourceClaim } from '../../generated/api/resource/v1.ts';
import { parseQuantity } from '../../machinery/values/quantity.ts';

/** Source: `k8s.io/api/resource/v1` (ExtendedResourceClaimAnnotation). */
const ANNOTATION = 'resource.kubernetes.io/extended-resource-claim';
/** No name of a claim, so that none can be mistaken for it. */
const UNWRITTEN = '<extended-resources>';

/** Whether a resource may be one that devices stand for: its name has a domain, which is not Kubernetes' own. */
export function isExtendedResource(name: string): boolean {
  if (name.startsWith('deviceclass.resource.kubernetes.io/')) return true;
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.');
}

/** The claim that was made for a pod's extended resources before, or one that is still to be written. */
export function extendedClaimOf(pod: Pod, known: readonly ResourceClaim[], newUid: () => string): ResourceClaim {
  const { name = '', namespace, uid = '' } = pod.metadata;
  const before = known.find(
    ({ metadata }) =>
      metadata.annotations?.[ANNOTATION] === 'true' &&
      metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === uid && owner.name === name),
  );
  return (
    before ?? {
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaim',
      metadata: {
        namespace,
        name: UNWRITTEN,
        uid: newUid(),
        generateName: `${name}-extended-resources-`,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid, controller: true }],
        annotations: { [ANNOTATION]: 'true' },
      },
      spec: {},
    }
  );
}

export const isUnwritten = ({ metadata }: ResourceClaim): boolean => metadata.name === UNWRITTEN;

/** The claim as it is created: what only the scheduler knew it by is gone. */
export function toCreate({ metadata, ...claim }: ResourceClaim): ResourceClaim {
  const { name: _, uid: __, ...rest } = metadata;
  return { ...claim, metadata: rest };
}

export interface ExtendedRequests {
  readonly requests: readonly DeviceRequest[];
  /** Which container uses which request for which resource. */
  readonly mappings: readonly ContainerExtendedResourceRequest[];
}

/**
 * Requests for the devices behind a pod's extended resources. Containers that run side by side have their own; what
 * init containers use before is used again, and the largest of them asks for the rest.
 *
 * Source: plugins/dynamicresources/extendeddynamicresources.go (createRequestsAndMappings).
 */
export function toExtendedRequests(
  pod: Pod,
  resources: readonly string[],
  classFor: (resource: string) => DeviceClass | undefined,
): ExtendedRequests {
  const { initContainers = [], containers: main = [] } = pod.spec;
  const containers = [...initContainers, ...main];
  const isShort = (container: Container, at: number): boolean =>
    at < initContainers.length && container.restartPolicy !== 'Always';
  const requests: DeviceRequest[] = [];
  const mappings: ContainerExtendedResourceRequest[] = [];
  for (const resourceName of [...resources].sort()) {
    const className = classFor(resourceName)?.metadata.name;
    if (className === undefined) continue;
    const ofLong: (DeviceRequest | undefined)[] = containers.map(() => undefined);
    const ofShort: ContainerExtendedResourceRequest[] = [];
    const shortNames = new Set<string>();
    let largest: DeviceRequest | undefined;
    const ask = (at: number, reusable: readonly (DeviceRequest | undefined)[]) =>
      askFor(containers[at] as Container, at, resourceName, className, reusable);
    for (const [at, container] of containers.entries()) {
      if (isShort(container, at)) continue;
      const asked = ask(at, []);
      ofLong[at] = asked.request;
      mappings.push(...asked.mappings);
    }
    for (const [at, container] of containers.entries()) {
      if (!isShort(container, at)) continue;
      const { request, mappings: own } = ask(at, ofLong.slice(at));
      if (request !== undefined) {
        shortNames.add(request.name);
        if (largest === undefined || countOf(largest) < countOf(request)) largest = request;
      }
      ofShort.push(...own);
    }
    for (const mapping of ofShort) {
      const requestName =
        largest !== undefined && shortNames.has(mapping.requestName) ? largest.name : mapping.requestName;
      mappings.push({ ...mapping, requestName });
    }
    for (const request of [largest, ...ofLong]) if (request !== undefined) requests.push(request);
  }
  requests.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { requests, mappings };
}

function askFor(
  { name: containerName, resources }: Container,
  at: number,
  resourceName: string,
  deviceClassName: string,
  reusable: readonly (DeviceRequest | undefined)[],
): { readonly request?: DeviceRequest; readonly mappings: readonly ContainerExtendedResourceRequest[] } {
  // Limits stand for requests that are not given; the server has written them down.
  const asked = resources?.requests ?? {};
  const count = asked[resourceName] === undefined ? 0 : parseQuantity(asked[resourceName]).toInteger();
  if (count === 0) return { mappings: [] };
  const mappings: ContainerExtendedResourceRequest[] = [];
  let had = 0;
  for (const request of reusable) {
    if (request === undefined) continue;
    had += countOf(request);
    mappings.push({ containerName, resourceName, requestName: request.name });
    if (had >= count) return { mappings };
  }
  const requestName = `container-${at}-request-${Object.keys(asked).sort().indexOf(resourceName)}`;
  mappings.push({ containerName, resourceName, requestName });
  const exactly = { deviceClassName, allocationMode: 'ExactCount', count: count - had };
  return { request: { name: requestName, exactly }, mappings };
}

const countOf = ({ exactly }: DeviceRequest): number => exactly?.count ?? 0;
