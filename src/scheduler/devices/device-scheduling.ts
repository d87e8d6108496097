import { randomUUID } from 'node:crypto';
import type { Client } from '../../client/client.ts';
import type { Informers } from '../../client/informers.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { ResourceClaim } from '../../generated/api/resource/v1.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { orAborted } from '../../std/abort.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { bindingState, needsBinding } from './binding-conditions.ts';
import { ClaimWriter } from './claim-writer.ts';
import { DeviceCycle, type NodePlan, type PostFilter } from './device-cycle.ts';
import { type DeviceChange, DeviceLedger } from './device-ledger.ts';
import { DeviceMatcher } from './device-matcher.ts';
import { isUnwritten } from './extended-resources.ts';
import { claimsOfPod, isReservedFor } from './pod-claims.ts';

export interface DeviceSchedulingOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called for each change that may help pods; `helps` tells which. */
  onChange(change: DeviceChange['change'], helps: (pod: Pod) => boolean): void;
}

export interface DeviceTimeouts {
  readonly filterTimeoutMs: number;
  readonly bindingTimeoutMs: number;
}

/** Devices that are promised to a pod and not written yet. */
export interface Reservation {
  /** Whether the devices must be made ready, which may take minutes. */
  readonly takesLong: boolean;
  /** Writes it all. @throws Error with upstream's sentence; then `undo` is due. */
  bind(waits: () => void, signal: AbortSignal): Promise<void>;
  undo(): Promise<void>;
}

/** Gives devices to pods. Loaded with the first pod that needs some. */
export class DeviceScheduling {
  readonly #options: DeviceSchedulingOptions;
  readonly #ledger: DeviceLedger;
  readonly #writer: ClaimWriter;
  readonly #matcher = new DeviceMatcher();
  readonly #listeners = new Set<() => void>();

  constructor(options: DeviceSchedulingOptions) {
    this.#options = options;
    this.#writer = new ClaimWriter(options.client, options.clock);
    this.#ledger = new DeviceLedger(options.informers, (change) => {
      for (const call of [...this.#listeners]) call();
      options.onChange(change.change, (pod) => this.#helps(pod, change));
    });
  }

  async synced(signal: AbortSignal): Promise<void> {
    await this.#ledger.synced(signal);
  }

  close(): void {
    this.#ledger.close();
  }

  /** Whether a pod's claims are not there yet, so that there is nothing to try. */
  lacksClaims(pod: Pod): boolean {
    return 'fault' in this.#claimsOf(pod);
  }

  begin(subject: PodInfo, timeouts: DeviceTimeouts): DeviceCycle {
    const { clock } = this.#options;
    return new DeviceCycle(subject, {
      ...timeouts,
      ledger: this.#ledger,
      allocator: { matcher: this.#matcher, newShareId: randomUUID },
      nowMs: () => clock.nowMs(),
      newUid: randomUUID,
    });
  }

  /** Promises devices from now on; undefined where a pod needs none on the node. */
  reserve(pod: Pod, plan: NodePlan | undefined, timeouts: DeviceTimeouts): Reservation | undefined {
    if (plan === undefined) return undefined;
    for (const { claim, allocation } of plan.claims)
      if (allocation !== undefined) this.#ledger.promise(claim.metadata.uid ?? '', allocation);
    const written = new Map<number, ResourceClaim>();
    const results = plan.claims.flatMap(({ claim, allocation }) => {
      return (allocation ?? claim.status?.allocation)?.devices?.results ?? [];
    });
    return {
      takesLong: results.some(({ bindingConditions }) => bindingConditions?.length),
      bind: async (waits, signal) => {
        for (const [index, { claim, allocation }] of plan.claims.entries()) {
          if (isReservedFor(pod, claim)) {
            written.set(index, claim);
            continue;
          }
          const isExtended = claim === plan.extended?.claim;
          let current = claim;
          if (isExtended && isUnwritten(claim)) {
            current = await this.#writer.create(claim);
            written.set(index, current);
          }
          const bound = await this.#writer.bind(current, allocation, pod);
          written.set(index, bound);
          this.#ledger.assume(bound);
          this.#ledger.release(claim.metadata.uid ?? '');
          if (isExtended) {
            const requestMappings = [...(plan.extended?.mappings ?? [])];
            await this.#writer.tellPod(pod, { requestMappings, resourceClaimName: bound.metadata.name ?? '' });
          }
        }
        const binding = [...written.values()].filter(needsBinding);
        if (binding.length === 0) return;
        waits();
        for (const claim of binding) await this.#untilReady(claim, timeouts.bindingTimeoutMs, signal);
      },
      undo: async () => {
        for (const [index, { claim }] of plan.claims.entries()) {
          this.#ledger.release(claim.metadata.uid ?? '');
          const current = written.get(index);
          if (current === undefined) continue;
          const isExtended = claim === plan.extended?.claim;
          await (isExtended ? this.#writer.remove(current) : this.#writer.unreserve(current, pod)).catch(
            (error: unknown) => {
              if (!isNotFound(error)) this.#options.logger.warn('a claim was not given back', { error });
            },
          );
        }
      },
    };
  }

  /** Frees or deletes what stands in a pod's way. */
  async clear({ free, remove }: PostFilter): Promise<void> {
    if (free !== undefined) await this.#writer.free(free);
    if (remove !== undefined) await this.#writer.remove(remove);
  }

  async #untilReady({ metadata }: ResourceClaim, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { namespace = '', name = '' } = metadata;
    for (;;) {
      const claim = this.#ledger.claim(namespace, name);
      if (claim === undefined) throw new Error(`resourceclaim.resource.k8s.io "${name}" not found`);
      const { state, message } = bindingState(claim, timeoutMs, clock.nowMs());
      if (state === 'ready') return;
      if (message !== undefined) throw new Error(message);
      const since = Date.parse(claim.status?.allocation?.allocationTimestamp ?? '') || clock.nowMs();
      await this.#nextChange(Math.max(since + timeoutMs - clock.nowMs(), 0) + 1, signal);
    }
  }

  async #nextChange(timeoutMs: number, signal: AbortSignal): Promise<void> {
    let stop = (): void => {};
    const changed = new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(timeoutMs, resolve);
      this.#listeners.add(resolve);
      stop = () => {
        timer.cancel();
        this.#listeners.delete(resolve);
      };
    });
    await orAborted(changed, signal).finally(stop);
  }

  #claimsOf(pod: Pod): ReturnType<typeof claimsOfPod> {
    return claimsOfPod(pod, (namespace, name) => this.#ledger.claim(namespace, name));
  }

  /** Source: plugins/dynamicresources/dynamicresources.go (isSchedulableAfterClaimChange). */
  #helps(pod: Pod, { claim, before }: DeviceChange): boolean {
    if (claim === undefined) return true;
    const own = this.#claimsOf(pod);
    if ('fault' in own) return false;
    if (before?.status?.allocation !== undefined && claim.status?.allocation === undefined) return true;
    if (!own.claims.some(({ metadata }) => metadata.uid === claim.metadata.uid)) return false;
    return before === undefined || JSON.stringify(before.status) !== JSON.stringify(claim.status);
  }
}
