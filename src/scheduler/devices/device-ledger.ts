import type { Informer } from '../../client/informer.ts';
import type { Informers } from '../../client/informers.ts';
import type { AllocationResult, DeviceClass, ResourceClaim, ResourceSlice } from '../../generated/api/resource/v1.ts';
import { deviceclasses, resourceclaims, resourceslices } from '../../generated/resource-types.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import { orAborted } from '../../std/abort.ts';
import type { ClusterChange } from '../framework/plugin.ts';
import { AllocatedDevices } from './allocated-devices.ts';
import { SliceIndex } from './pools.ts';

/** What of the cluster changed; `before` where a claim was known. */
export interface DeviceChange {
  readonly change: ClusterChange;
  readonly claim?: ResourceClaim | undefined;
  readonly before?: ResourceClaim | undefined;
}

/** Source: `k8s.io/api/resource/v1` (ResourceDeviceClassPrefix). */
const CLASS_PREFIX = 'deviceclass.resource.kubernetes.io/';

/**
 * Claims, slices and classes as informers show them, and what the scheduler decided and the API does not show yet.
 *
 * Source: plugins/dynamicresources/dra_manager.go.
 */
export class DeviceLedger {
  readonly allocated = new AllocatedDevices();
  readonly #claims: Informer<ResourceClaim>;
  readonly #slices: Informer<ResourceSlice>;
  readonly #classes: Informer<DeviceClass>;
  /** Claims that the server answered with, until the informer shows them. */
  readonly #assumed = new Map<string, ResourceClaim>();
  /** Allocations that are being written, by the claim's uid. */
  readonly #pending = new Map<string, AllocationResult>();
  readonly #stops: readonly (() => void)[];
  #sliceIndex: SliceIndex | undefined;

  constructor(informers: Informers, tell: (change: DeviceChange) => void) {
    this.#claims = informers.for(resourceclaims);
    this.#slices = informers.for(resourceslices);
    this.#classes = informers.for(deviceclasses);
    const onSlices = (): void => {
      this.#sliceIndex = undefined;
      tell({ change: 'slice-changed' });
    };
    const onClass = (): void => tell({ change: 'class-changed' });
    const onClaim = (claim: ResourceClaim, before?: ResourceClaim): void => {
      this.#see(claim);
      tell({ change: 'claim-changed', claim, before });
    };
    this.#stops = [
      this.#claims.addHandler({
        added: (claim) => onClaim(claim),
        updated: (claim, before) => onClaim(claim, before),
        deleted: (claim) => {
          const key = toKeyText(keyOf(claim));
          this.#assumed.delete(key);
          this.allocated.set(key, undefined);
          tell({ change: 'claim-changed', claim: { ...claim, status: {} }, before: claim });
        },
      }),
      this.#slices.addHandler({
        added: onSlices,
        updated: onSlices,
        deleted: () => {
          this.#sliceIndex = undefined;
        },
      }),
      this.#classes.addHandler({ added: onClass, updated: onClass }),
    ];
  }

  async synced(signal: AbortSignal): Promise<void> {
    await orAborted(Promise.all([this.#claims.synced, this.#slices.synced, this.#classes.synced]), signal);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  claim(namespace: string, name: string): ResourceClaim | undefined {
    const key = `${namespace}/${name}`;
    return this.#assumed.get(key) ?? this.#claims.get(key);
  }

  claims(namespace: string): readonly ResourceClaim[] {
    return this.#claims.list(namespace);
  }

  deviceClass(name: string): DeviceClass | undefined {
    return this.#classes.get(name);
  }

  /** The class that stands for an extended resource: the newest that names it, and of those the first by name. */
  classFor(resource: string): DeviceClass | undefined {
    if (resource.startsWith(CLASS_PREFIX)) return this.#classes.get(resource.slice(CLASS_PREFIX.length));
    const created = ({ metadata }: DeviceClass): string => metadata.creationTimestamp ?? '';
    return this.#classes
      .list()
      .filter(({ spec }) => spec.extendedResourceName === resource)
      .sort((a, b) => compare(created(b), created(a)) || compare(a.metadata.name ?? '', b.metadata.name ?? ''))[0];
  }

  get slices(): SliceIndex {
    this.#sliceIndex ??= new SliceIndex(this.#slices.list());
    return this.#sliceIndex;
  }

  isPending(uid: string): boolean {
    return this.#pending.has(uid);
  }

  /** Counts an allocation from the decision on, not from the write's echo. */
  promise(uid: string, allocation: AllocationResult): void {
    this.#pending.set(uid, allocation);
    this.allocated.set(`pending:${uid}`, allocation);
  }

  /** Ends a promise: it was written, or came to nothing. */
  release(uid: string): void {
    this.#pending.delete(uid);
    this.allocated.set(`pending:${uid}`, undefined);
  }

  /** Notes what the server answered to a write. */
  assume(claim: ResourceClaim): void {
    const key = toKeyText(keyOf(claim));
    const known = this.#claims.get(key);
    if (known !== undefined && revisionOf(known) >= revisionOf(claim)) return;
    this.#assumed.set(key, claim);
    this.allocated.set(key, claim.status?.allocation);
  }

  #see(claim: ResourceClaim): void {
    const key = toKeyText(keyOf(claim));
    const assumed = this.#assumed.get(key);
    if (assumed !== undefined && revisionOf(assumed) > revisionOf(claim)) return;
    this.#assumed.delete(key);
    this.allocated.set(key, claim.status?.allocation);
  }
}

const revisionOf = ({ metadata }: ResourceClaim): bigint => BigInt(metadata.resourceVersion || '0');
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
