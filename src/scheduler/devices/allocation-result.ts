import type { NodeSelector, NodeSelectorRequirement } from '../../generated/api/core/v1.ts';
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from '../../generated/api/resource/v1.ts';
import type { TakenDevice } from './allocator.ts';
import { isPerDevice } from './pools.ts';
import { AllocationError, nameText, type Option } from './requests.ts';

/**
 * What a claim's status says of the devices that it was given: with the configuration that drivers need, and the nodes
 * from which the devices can be reached.
 *
 * @param chosen - For each request of the claim, the way that was taken.
 * Source: `structured/internal/incubating/allocator_incubating.go` (Allocate, createNodeSelector).
 */
export function toAllocation(
  claim: ResourceClaim,
  chosen: readonly Option[],
  taken: readonly TakenDevice[],
  nodeName: string,
): AllocationResult {
  const config = toConfig(claim, chosen);
  const nodeSelector = toNodeSelector(taken, nodeName);
  const devices = { results: taken.map(toResult), ...(config.length === 0 ? {} : { config }) };
  return { devices, ...(nodeSelector === undefined ? {} : { nodeSelector }) };
}

function toResult({ option, device, pool, shareId, consumed }: TakenDevice): DeviceRequestAllocationResult {
  const { tolerations } = option.asked;
  const { bindingConditions, bindingFailureConditions } = device;
  return {
    request: nameText(option.name),
    driver: pool.driver,
    pool: pool.name,
    device: device.name,
    ...(option.adminAccess ? { adminAccess: true } : {}),
    ...(tolerations === undefined ? {} : { tolerations: [...tolerations] }),
    ...(bindingConditions === undefined ? {} : { bindingConditions: [...bindingConditions] }),
    ...(bindingFailureConditions === undefined ? {} : { bindingFailureConditions: [...bindingFailureConditions] }),
    ...(shareId === undefined ? {} : { shareID: shareId }),
    ...(consumed === undefined || consumed.size === 0
      ? {}
      : { consumedCapacity: Object.fromEntries([...consumed].map(([name, amount]) => [name, amount.toString()])) }),
  };
}

function toConfig(claim: ResourceClaim, chosen: readonly Option[]): DeviceAllocationConfiguration[] {
  const config: DeviceAllocationConfiguration[] = [];
  const requestsOfClass = new Map<string, string[]>();
  for (const { deviceClass, name } of chosen) {
    const className = deviceClass.metadata.name ?? '';
    const requests = requestsOfClass.get(className);
    if (requests !== undefined) {
      requests.push(nameText(name));
      continue;
    }
    const own = [nameText(name)];
    requestsOfClass.set(className, own);
    for (const { opaque } of deviceClass.spec.config ?? [])
      config.push({ source: 'FromClass', requests: own, ...(opaque === undefined ? {} : { opaque }) });
  }
  for (const { requests = [], opaque } of claim.spec.devices?.config ?? []) {
    const entry = {
      source: 'FromClaim',
      ...(requests.length === 0 ? {} : { requests: [...requests] }),
      ...(opaque === undefined ? {} : { opaque }),
    };
    const uses = chosen.filter(({ name }) => requests.includes(name.base) || requests.includes(nameText(name)));
    if (requests.length === 0) config.push(entry);
    else for (const _ of uses) config.push(entry);
  }
  // Lists that requests of one class share must not be shared by the object.
  return config.map((each) => (each.requests === undefined ? each : { ...each, requests: [...each.requests] }));
}

/** Undefined for devices that every node can reach. */
function toNodeSelector(taken: readonly TakenDevice[], targetNode: string): NodeSelector | undefined {
  const matchFields: NodeSelectorRequirement[] = [];
  const matchExpressions: NodeSelectorRequirement[] = [];
  for (const { slice, device } of taken) {
    const { nodeName, nodeSelector } = isPerDevice(slice) ? device : slice.spec;
    if (nodeName !== undefined || device.bindsToNode) {
      const field = { key: 'metadata.name', operator: 'In', values: [targetNode] };
      return { nodeSelectorTerms: [{ matchFields: [field] }] };
    }
    const terms = nodeSelector?.nodeSelectorTerms ?? [];
    if (terms.length > 1)
      throw new AllocationError(`unsupported ResourceSlice.NodeSelector with ${terms.length} terms`);
    addNew(matchFields, terms[0]?.matchFields ?? []);
    addNew(matchExpressions, terms[0]?.matchExpressions ?? []);
  }
  if (matchFields.length + matchExpressions.length === 0) return undefined;
  const term = {
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
    ...(matchFields.length === 0 ? {} : { matchFields }),
  };
  return { nodeSelectorTerms: [term] };
}

function addNew(to: NodeSelectorRequirement[], from: readonly NodeSelectorRequirement[]): void {
  for (const requirement of from) if (!to.some((known) => isSame(known, requirement))) to.push(requirement);
}

function isSame(a: NodeSelectorRequirement, b: NodeSelectorRequirement): boolean {
  const [left, right] = [new Set(a.values), new Set(b.values)];
  return a.key === b.key && a.operator === b.operator && left.size === right.size && left.isSubsetOf(right);
}
