import type { Lease, LeaseSpec } from '../generated/api/coordination/v1.ts';
import { leases } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import type { ObjectKey } from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Client } from './client.ts';

export interface LeaderElectionOptions {
  readonly client: Client;
  /** The Lease that decides, such as `kube-system/kube-controller-manager`. */
  readonly lease: ObjectKey;
  /** Who we are: different for each candidate. */
  readonly identity: string;
  /** How long others wait for a silent leader, in milliseconds. Default 15,000. */
  readonly leaseDurationMs?: number | undefined;
  /** A leader that cannot renew for so long gives up. Default 10,000. */
  readonly renewDeadlineMs?: number | undefined;
  /** Time between tries. Default 2,000. */
  readonly retryPeriodMs?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of each leader that is seen, us included; empty while nobody leads. */
  onLeader?(identity: string): void;
}

export type LeasePlan =
  | { readonly step: 'create' | 'update'; readonly spec: LeaseSpec }
  | { readonly step: 'wait'; readonly holder: string };

/**
 * Decides what a candidate does with the lease it sees. `observedMs` is when we first saw this very record: the clocks
 * of other machines are never compared with ours.
 *
 * Source: client-go `tools/leaderelection/leaderelection.go` (tryAcquireOrRenew).
 */
export function planLease(
  lease: Lease | undefined,
  identity: string,
  times: { readonly nowMs: number; readonly observedMs: number; readonly leaseDurationMs: number },
): LeasePlan {
  const now = toMicroTime(times.nowMs);
  const leaseDurationSeconds = Math.ceil(times.leaseDurationMs / 1000);
  const fresh = { holderIdentity: identity, leaseDurationSeconds, acquireTime: now, renewTime: now };
  if (lease === undefined) return { step: 'create', spec: { ...fresh, leaseTransitions: 0 } };
  const spec = lease.spec ?? {};
  const holder = spec.holderIdentity ?? '';
  if (holder === identity) {
    const { acquireTime = now, leaseTransitions = 0 } = spec;
    return { step: 'update', spec: { ...fresh, acquireTime, leaseTransitions } };
  }
  const lastsMs = (spec.leaseDurationSeconds ?? 0) * 1000;
  if (holder !== '' && times.observedMs + lastsMs > times.nowMs) return { step: 'wait', holder };
  return { step: 'update', spec: { ...fresh, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 } };
}

/**
 * Runs `lead` while this candidate holds the lease. Its signal aborts when the lease is lost or `signal` aborts; the
 * lease is released only after `lead` has ended, so that two leaders never overlap. Then it stands again, until
 * aborted. Rejects only where `lead` does.
 */
export async function runAsLeader(
  options: LeaderElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger, identity, retryPeriodMs = 2000, renewDeadlineMs = 10_000 } = options;
  const candidate = new Candidate(options);
  while (!signal.aborted) {
    if (!(await candidate.tryHold())) {
      await clock.sleep(retryPeriodMs, signal).catch(() => {});
      continue;
    }
    logger.info('became leader', { lease: options.lease.name, identity });
    const term = new AbortController();
    const end = (): void => term.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const renewing = (async () => {
      let renewedMs = clock.nowMs();
      while (!term.signal.aborted) {
        await clock.sleep(retryPeriodMs, term.signal).catch(() => {});
        if (term.signal.aborted) return;
        if (await candidate.tryHold()) renewedMs = clock.nowMs();
        else if (candidate.isHeldByOther() || clock.nowMs() - renewedMs >= renewDeadlineMs) {
          logger.warn('lost the lead', { lease: options.lease.name, identity });
          term.abort(new Error('the lease is lost'));
        }
      }
    })();
    try {
      await lead(term.signal);
    } finally {
      signal.removeEventListener('abort', end);
      term.abort();
      await renewing;
      await candidate.release();
    }
  }
}

class Candidate {
  readonly #options: LeaderElectionOptions;
  #observed: { readonly record: string; readonly ms: number } = { record: '', ms: 0 };
  #lease: Lease | undefined;
  #leader: string | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
  }

  isHeldByOther(): boolean {
    return this.#leader !== undefined && this.#leader !== '' && this.#leader !== this.#options.identity;
  }

  /** Takes or renews the lease; false where another holds it or the server fails. */
  async tryHold(): Promise<boolean> {
    const { client, lease, identity, clock, logger, leaseDurationMs = 15_000 } = this.#options;
    const { signal, end } = this.#deadline();
    try {
      const current = await this.#read(signal);
      const nowMs = clock.nowMs();
      const plan = planLease(current, identity, { nowMs, observedMs: this.#observed.ms, leaseDurationMs });
      if (plan.step === 'wait') {
        this.#see(plan.holder);
        return false;
      }
      const metadata = current?.metadata ?? { name: lease.name, namespace: lease.namespace };
      const next: Lease = { metadata, spec: plan.spec };
      this.#lease = await (plan.step === 'create'
        ? client.create(leases, next, { signal })
        : client.update(leases, next, { signal }));
      this.#see(identity);
      return true;
    } catch (error) {
      // A lost race is the usual cause; the next try sees who won.
      logger.debug('the lease was not taken', { lease: lease.name, error });
      return false;
    } finally {
      end();
    }
  }

  /** Gives the lease up so that the next leader need not wait, if it is still ours. */
  async release(): Promise<void> {
    const { client, identity, clock, logger, lease } = this.#options;
    if (this.#leader !== identity || this.#lease === undefined) return;
    const now = toMicroTime(clock.nowMs());
    const { leaseTransitions } = this.#lease.spec ?? {};
    const spec: LeaseSpec = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions,
    };
    const { signal, end } = this.#deadline();
    try {
      // The stored resourceVersion is the guard: if another took it meanwhile, this update fails.
      await client.update(leases, { metadata: this.#lease.metadata, spec }, { signal });
    } catch (error) {
      logger.debug('the lease was not released', { lease: lease.name, error });
    } finally {
      end();
    }
    this.#lease = undefined;
    this.#see('');
  }

  /**
   * A server that says nothing must not keep a leader in the belief that it leads, nor from ending; one slow answer is no
   * end of it. Source: controller-runtime `pkg/leaderelection/leader_election.go` (half of the renew deadline).
   */
  #deadline(): { readonly signal: AbortSignal; end(): void } {
    const { clock, renewDeadlineMs = 10_000 } = this.#options;
    const within = new AbortController();
    const timer = clock.after(renewDeadlineMs / 2, () => within.abort(new Error('the server did not answer in time')));
    return { signal: within.signal, end: () => timer.cancel() };
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, lease, clock } = this.#options;
    try {
      const current = await client.get(leases, lease, { signal });
      const record = JSON.stringify(current.spec ?? {});
      if (record !== this.#observed.record) this.#observed = { record, ms: clock.nowMs() };
      return current;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #see(leader: string): void {
    if (this.#leader === leader) return;
    this.#leader = leader;
    this.#options.onLeader?.(leader);
  }
}

/** RFC 3339 with microseconds, as `MicroTime` fields want it. */
export function toMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}
