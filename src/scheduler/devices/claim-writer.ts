import type { Client } from '../../client/client.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { AllocationResult, ResourceClaim } from '../../generated/api/resource/v1.ts';
import { pods, resourceclaims } from '../../generated/resource-types.ts';
import { isConflict } from '../../machinery/errors/status-error.ts';
import { keyOf } from '../../machinery/object/object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import { toCreate } from './extended-resources.ts';
import { claimText } from './requests.ts';

const FINALIZER = 'resource.kubernetes.io/delete-protection';
/** Tries where somebody else was faster. Source: client-go `util/retry` (DefaultRetry). */
const MOST_TRIES = 5;

/** What the scheduler writes to claims. Each throws an Error with upstream's sentence. */
export class ClaimWriter {
  readonly #client: Client;
  readonly #clock: Clock;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async create(claim: ResourceClaim): Promise<ResourceClaim> {
    try {
      return await this.#client.create(resourceclaims, toCreate(claim));
    } catch (cause) {
      throw told(`create claim for extended resources ${claim.metadata.namespace}/`, cause);
    }
  }

  /** Gives a claim its devices, where `allocation` is set, and reserves it for the pod. */
  async bind(claim: ResourceClaim, allocation: AllocationResult | undefined, pod: Pod): Promise<ResourceClaim> {
    return await this.#retry(claim, async (current) => {
      const name = claimText(current);
      if (current.metadata.deletionTimestamp !== undefined)
        throw new Error(`claim ${name} got deleted in the meantime`);
      let newest = current;
      if (allocation !== undefined) {
        if (current.status?.allocation !== undefined)
          throw new Error(`claim ${name} got allocated elsewhere in the meantime`);
        const { finalizers = [] } = current.metadata;
        if (!finalizers.includes(FINALIZER)) {
          const metadata = { ...current.metadata, finalizers: [...finalizers, FINALIZER] };
          newest = await this.#client
            .update(resourceclaims, { ...current, metadata })
            .catch((cause: unknown) => Promise.reject(told(`add finalizer to claim ${name}`, cause)));
        }
      }
      const devices = allocation ?? newest.status?.allocation;
      if (devices === undefined) throw new Error(`claim ${name} got deallocated elsewhere in the meantime`);
      const consumer = { resource: 'pods', name: pod.metadata.name ?? '', uid: pod.metadata.uid ?? '' };
      const status = {
        ...newest.status,
        allocation: { ...devices, allocationTimestamp: devices.allocationTimestamp ?? this.#now() },
        reservedFor: [...(newest.status?.reservedFor ?? []), consumer],
      };
      const what = allocation === undefined ? 'reservation' : 'allocation and reservation';
      return await this.#client
        .update(resourceclaims, { ...newest, status }, { subresource: 'status' })
        .catch((cause: unknown) => Promise.reject(told(`add ${what} to claim ${name}`, cause)));
    });
  }

  /** Takes a claim's devices away, so that it can be served anew. */
  async free(claim: ResourceClaim): Promise<void> {
    const { allocation: _, reservedFor: __, devices: ___, ...status } = claim.status ?? {};
    await this.#client.update(resourceclaims, { ...claim, status }, { subresource: 'status' });
  }

  /** Takes a pod off a claim. */
  async unreserve({ metadata }: ResourceClaim, pod: Pod): Promise<void> {
    const reservedFor = [{ $patch: 'delete', uid: pod.metadata.uid }];
    const patch = { metadata: { uid: metadata.uid }, status: { reservedFor } };
    const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
    await this.#client.patch(resourceclaims, key, patch, { type: 'strategic', subresource: 'status' });
  }

  /** Deletes a claim that the scheduler made. */
  async remove(claim: ResourceClaim): Promise<void> {
    await this.#retry(claim, async (current) => {
      const finalizers = (current.metadata.finalizers ?? []).filter((each) => each !== FINALIZER);
      return await this.#client.update(resourceclaims, { ...current, metadata: { ...current.metadata, finalizers } });
    });
    await this.#client.delete(resourceclaims, keyOf(claim));
  }

  /** Tells a pod which claim stands for its extended resources. */
  async tellPod(pod: Pod, status: NonNullable<Pod['status']>['extendedResourceClaimStatus']): Promise<void> {
    const patch = { status: { extendedResourceClaimStatus: status } };
    await this.#client.patch(pods, keyOf(pod), patch, { type: 'strategic', subresource: 'status' });
  }

  async #retry(
    claim: ResourceClaim,
    write: (current: ResourceClaim) => Promise<ResourceClaim>,
  ): Promise<ResourceClaim> {
    let current = claim;
    for (let tries = 1; ; tries++) {
      try {
        return await write(current);
      } catch (error) {
        const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
        if (!isConflict(cause) || tries >= MOST_TRIES) throw error;
        current = await this.#client.get(resourceclaims, keyOf(claim));
      }
    }
  }

  #now(): string {
    return toTimeText(this.#clock.nowMs());
  }
}

function told(what: string, cause: unknown): Error {
  return new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
