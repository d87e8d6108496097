import type { ContainerExtendedResourceRequest } from '../../generated/api/core/v1.ts';
import type { AllocationResult, ResourceClaim } from '../../generated/api/resource/v1.ts';
import { matchesNodeSelector } from '../../machinery/values/node-selector.ts';
import type { NodeInfo } from '../cache/node-info.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import {
  type DeviceView,
  fits,
  type Judgement,
  PluginError,
  type PreparedFilter,
  type Refusal,
  unresolvable,
} from '../framework/plugin.ts';
import { type AllocatorOptions, allocate, InvalidPoolsError } from './allocator.ts';
import { bindingState } from './binding-conditions.ts';
import type { DeviceLedger } from './device-ledger.ts';
import { extendedClaimOf, isExtendedResource, isUnwritten, toExtendedRequests } from './extended-resources.ts';
import { claimsOfPod } from './pod-claims.ts';
import { AllocationError, claimText } from './requests.ts';

/** A claim with what it is to be given; without where it has its devices already. */
export interface ClaimPlan {
  readonly claim: ResourceClaim;
  readonly allocation?: AllocationResult | undefined;
}

/** What a pod gets on a node. */
export interface NodePlan {
  readonly claims: readonly ClaimPlan[];
  /** The claim that stands for extended resources, and who uses it; it may be unwritten. */
  readonly extended?: { readonly claim: ResourceClaim; readonly mappings: readonly ContainerExtendedResourceRequest[] };
}

/** What happens after no node was found: a sentence for the user, and a claim to free or delete so that it may go better. */
export interface PostFilter {
  readonly message: string;
  readonly free?: ResourceClaim;
  readonly remove?: ResourceClaim;
}

export interface DeviceCycleOptions {
  readonly ledger: DeviceLedger;
  readonly allocator: Pick<AllocatorOptions, 'matcher' | 'newShareId'>;
  nowMs(): number;
  newUid(): string;
  /** How long the search may take on a node, in milliseconds. */
  readonly filterTimeoutMs: number;
  /** How long devices may take to become ready, in milliseconds. */
  readonly bindingTimeoutMs: number;
}

/** Source: `k8s.io/api/resource/v1` (FirstAvailableDeviceRequestMaxSize). */
const MOST_ALTERNATIVES = 8;

/** One pod's devices in one cycle. Source: plugins/dynamicresources/dynamicresources.go. */
export class DeviceCycle implements DeviceView {
  readonly #subject: PodInfo;
  readonly #options: DeviceCycleOptions;
  readonly #plans = new Map<string, NodePlan>();
  readonly #judgements = new Map<string, Judgement>();
  readonly #unavailable = new Set<ResourceClaim>();
  #claims: readonly ResourceClaim[] = [];
  #extended: ResourceClaim | undefined;

  constructor(subject: PodInfo, options: DeviceCycleOptions) {
    this.#subject = subject;
    this.#options = options;
  }

  standFor(resource: string): boolean {
    return isExtendedResource(resource) && this.#options.ledger.classFor(resource) !== undefined;
  }

  /** What the pod gets on the node that was chosen; undefined where it needs nothing there. */
  planOn(nodeName: string): NodePlan | undefined {
    return this.#plans.get(nodeName);
  }

  prepare(): PreparedFilter | Refusal | undefined {
    const { ledger, newUid } = this.#options;
    const { pod } = this.#subject;
    const { namespace = '' } = pod.metadata;
    const found = claimsOfPod(pod, (space, name) => ledger.claim(space, name));
    if ('fault' in found) return unresolvable(found.fault);
    const { claims } = found;
    let extended: ResourceClaim | undefined;
    if (this.#extendedNames().some((name) => this.standFor(name)))
      extended = extendedClaimOf(pod, ledger.claims(namespace), newUid);
    if (claims.length === 0 && extended === undefined) return undefined;
    for (const claim of claims) {
      const refusal = claim.status?.allocation === undefined ? this.#refuse(claim) : undefined;
      if (refusal !== undefined) return refusal;
    }
    this.#claims = claims;
    this.#extended = extended;
    return {
      filter: (node) => {
        let judgement = this.#judgements.get(node.name);
        if (judgement === undefined) {
          judgement = this.#judge(node);
          this.#judgements.set(node.name, judgement);
        }
        return judgement;
      },
    };
  }

  scores(nodes: readonly NodeInfo[]): readonly number[] | undefined {
    if (this.#claims.length === 0) return undefined;
    return nodes.map(({ name }) => {
      const plans = this.#plans.get(name)?.claims ?? [];
      return plans.reduce((sum, { claim, allocation }) => sum + scoreOf(claim, allocation), 0);
    });
  }

  postFilter(): PostFilter {
    if (this.#claims.length === 0 && this.#extended === undefined) return { message: 'no new claims to deallocate' };
    const { uid } = this.#subject.pod.metadata;
    for (const claim of this.#unavailable) {
      const { reservedFor = [] } = claim.status ?? {};
      if (reservedFor.length > 1 || (reservedFor[0] !== undefined && reservedFor[0].uid !== uid)) continue;
      return { message: 'deallocation of ResourceClaim completed', free: claim };
    }
    if (this.#extended !== undefined && !isUnwritten(this.#extended))
      return { message: 'deletion of ResourceClaim completed', remove: this.#extended };
    return { message: 'still not schedulable' };
  }

  #extendedNames(): string[] {
    return [...this.#subject.request.amounts]
      .filter(([name, amount]) => amount > 0 && isExtendedResource(name))
      .map(([name]) => name);
  }

  #refuse(claim: ResourceClaim): Refusal | undefined {
    const { ledger } = this.#options;
    if (ledger.isPending(claim.metadata.uid ?? ''))
      return unresolvable(`resource claim ${claimText(claim)} is in the process of being allocated`);
    for (const { name, exactly, firstAvailable = [] } of claim.spec.devices?.requests ?? []) {
      const asked =
        exactly === undefined
          ? firstAvailable.map((each) => [`${name}/${each.name}`, each.deviceClassName] as const)
          : ([[name, exactly.deviceClassName]] as const);
      if (asked.length === 0)
        return unresolvable(`resource claim ${claimText(claim)}, request ${name}: unknown request type`);
      for (const [request, className] of asked) {
        if (ledger.deviceClass(className) === undefined)
          return unresolvable(`request ${request}: device class ${className} does not exist`);
      }
    }
    return undefined;
  }

  #judge(node: NodeInfo): Judgement {
    const extended = this.#extendedOn(node);
    if (extended !== undefined && 'fits' in extended) return extended;
    if (extended === undefined && this.#claims.length === 0) return fits;
    let unavailable = false;
    for (const claim of this.#claims) {
      if (this.#isAvailable(claim, node)) continue;
      this.#unavailable.add(claim);
      unavailable = true;
    }
    const wanted = this.#claims.filter(({ status }) => status?.allocation === undefined);
    const asked = extended === undefined ? wanted : [...wanted, extended.claim];
    const allocations = asked.length === 0 ? [] : this.#allocate(node, asked);
    if (typeof allocations === 'string') return unresolvable(allocations);
    if (allocations === undefined) return unresolvable('cannot allocate all claims');
    if (unavailable) return unresolvable('resourceclaim not available on the node');
    const claims = this.#claims.map((claim) => ({ claim, allocation: allocations[wanted.indexOf(claim)] }));
    if (extended === undefined) this.#plans.set(node.name, { claims });
    else {
      const plan = { claim: extended.claim, allocation: allocations[wanted.length] };
      this.#plans.set(node.name, { claims: [...claims, plan], extended });
    }
    return fits;
  }

  #isAvailable(claim: ResourceClaim, { node }: NodeInfo): boolean {
    const { allocation } = claim.status ?? {};
    if (allocation === undefined) return true;
    const { nodeSelector } = allocation;
    if (nodeSelector !== undefined && !matchesNodeSelector(nodeSelector, node)) return false;
    const { bindingTimeoutMs, nowMs } = this.#options;
    const { state } = bindingState(claim, bindingTimeoutMs, nowMs());
    return state !== 'failed' && state !== 'timed-out';
  }

  /** The claim for what the node offers by devices; undefined where it needs none there. */
  #extendedOn(node: NodeInfo): NodePlan['extended'] | Refusal {
    const base = this.#extended;
    if (base === undefined) return undefined;
    // One from an earlier attempt goes first; another is made after.
    if (base.spec.devices?.requests !== undefined) return unresolvable('cannot schedule extended resource claim');
    const { ledger } = this.#options;
    const names: string[] = [];
    for (const name of this.#extendedNames()) {
      if (node.allocatable(name) > 0) continue;
      if (this.standFor(name)) names.push(name);
      else if (!node.hasAllocatable(name)) return unresolvable('cannot fit resource');
    }
    if (names.length === 0) return undefined;
    const classFor = (name: string) => ledger.classFor(name);
    const { requests, mappings } = toExtendedRequests(this.#subject.pod, names, classFor);
    return { claim: { ...base, spec: { devices: { requests: [...requests] } } }, mappings };
  }

  #allocate({ node }: NodeInfo, claims: readonly ResourceClaim[]): readonly AllocationResult[] | string | undefined {
    const { ledger, allocator, filterTimeoutMs, nowMs } = this.#options;
    const endMs = nowMs() + filterTimeoutMs;
    const inPlugin = (message: string, cause?: unknown) =>
      new PluginError(`running "DynamicResources" filter plugin: ${message}`, { cause });
    try {
      return allocate(node, claims, {
        ...allocator,
        slices: ledger.slices,
        allocated: ledger.allocated,
        findClass: (name) => ledger.deviceClass(name),
        checkTime() {
          if (nowMs() > endMs) throw inPlugin(`node ${node.metadata.name}: timed out trying to allocate devices`);
        },
      });
    } catch (error) {
      if (error instanceof InvalidPoolsError) return error.message;
      if (error instanceof AllocationError) throw inPlugin(error.message, error);
      throw error;
    }
  }
}

/** The earlier the alternatives that were taken, the more. */
function scoreOf(claim: ResourceClaim, fresh: AllocationResult | undefined): number {
  const results = (fresh ?? claim.status?.allocation)?.devices?.results ?? [];
  const taken = new Set(results.map(({ request }) => request));
  let score = 0;
  for (const { name, firstAvailable = [] } of claim.spec.devices?.requests ?? [])
    for (const [at, sub] of firstAvailable.entries())
      if (taken.has(`${name}/${sub.name}`)) score += MOST_ALTERNATIVES - at;
  return score;
}
