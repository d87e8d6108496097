import type { Pod } from '../../generated/api/core/v1.ts';
import type { Clock, Timer } from '../../std/clock.ts';
import { Heap } from '../../std/heap.ts';
import { priorityOf, uidOf } from '../cache/pod-info.ts';
import type { ClusterChange } from '../framework/plugin.ts';

/** A pod that nothing wakes is tried again after so long. Source: backend/queue (DefaultPodMaxInUnschedulablePodsDuration). */
const LONGEST_WAIT_MS = 5 * 60_000;

interface Entry {
  pod: Pod;
  attempts: number;
  /** When it was tried first. */
  firstMs: number;
  /** Rises with each entry that becomes active: the order among pods of one priority. */
  turn: number;
  /** When it was tried last, to the end of the bind. */
  triedMs: number;
  /** Plugins that turned it down last time. */
  rejectedBy: ReadonlySet<string>;
  /** `held`: what it waits for is being prepared; no change wakes it. `gone`: it is no longer in the queue. */
  place: 'active' | 'waiting' | 'backing-off' | 'in-flight' | 'held' | 'gone';
  timer: Timer | undefined;
  /** Changes that came while it was being tried or held. */
  missed: Set<ClusterChange>;
}

export type QueueName = 'active' | 'backoff' | 'unschedulable';

/** Told of each pod that comes to wait: in which of upstream's queues, and what brought it there. */
export type OnIncoming = (queue: QueueName, event: string) => void;

const queueNames: Readonly<Record<Entry['place'], QueueName | undefined>> = {
  active: 'active',
  'backing-off': 'backoff',
  waiting: 'unschedulable',
  held: 'unschedulable',
  'in-flight': undefined,
  gone: undefined,
};

/** Source: `pkg/scheduler/framework/events.go`. */
const FAILURE = 'ScheduleAttemptFailure';
const events: Readonly<Record<ClusterChange, string>> = {
  'node-added': 'NodeAdd',
  'node-updated': 'NodeUpdate',
  'pod-added': 'AssignedPodAdd',
  'pod-updated': 'AssignedPodUpdate',
  'pod-deleted': 'AssignedPodDelete',
  'volume-changed': 'PersistentVolumeClaimUpdate',
  'claim-changed': 'ResourceClaimUpdate',
  'slice-changed': 'ResourceSliceUpdate',
  'class-changed': 'DeviceClassUpdate',
};

/**
 * Pods without a node: those to try now (highest priority first, then by turn), and those that nothing has changed for
 * since they were turned down. A change wakes the pods whose plugins it can help, after their back-off.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #backoff: { readonly firstMs: number; readonly maxMs: number };
  readonly #wakesOn: ReadonlyMap<string, ReadonlySet<ClusterChange>>;
  readonly #entries = new Map<string, Entry>();
  readonly #active = new Heap<Entry>(isBefore);
  readonly #waiting = new Set<Entry>();
  readonly #busy = new Set<Entry>();
  #turns = 0;
  readonly #onIncoming: OnIncoming | undefined;
  #onReady: () => void = () => {};

  /**
   * @param wakesOn - For each filter plugin, what can change its mind.
   * @param onIncoming - Told of each pod that comes to wait.
   */
  constructor(
    clock: Clock,
    wakesOn: ReadonlyMap<string, ReadonlySet<ClusterChange>>,
    backoff: { readonly firstMs: number; readonly maxMs: number } = { firstMs: 1_000, maxMs: 10_000 },
    onIncoming?: OnIncoming,
  ) {
    this.#onIncoming = onIncoming;
    this.#clock = clock;
    this.#backoff = backoff;
    this.#wakesOn = wakesOn;
  }

  /** Called whenever there may be a pod to take. */
  onReady(call: () => void): void {
    this.#onReady = call;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Adds a pod or its newer state. A change of the pod itself makes it worth a try. */
  set(pod: Pod): void {
    const known = this.#entries.get(uidOf(pod));
    if (known !== undefined) {
      const changed = known.place === 'waiting' && relevantText(known.pod) !== relevantText(pod);
      known.pod = pod;
      if (changed) this.#activate(known, 'UnschedulablePodUpdate');
      return;
    }
    const entry: Entry = {
      pod,
      attempts: 0,
      firstMs: 0,
      turn: 0,
      triedMs: 0,
      rejectedBy: new Set(),
      place: 'waiting',
      timer: undefined,
      missed: new Set(),
    };
    this.#entries.set(uidOf(pod), entry);
    this.#activate(entry, 'UnschedulablePodAdd');
  }

  /** The pod has a node, or is gone. */
  remove(pod: Pod): void {
    const entry = this.#entries.get(uidOf(pod));
    if (entry === undefined) return;
    this.#entries.delete(uidOf(pod));
    this.#move(entry, 'gone');
  }

  /** The next pod to try; undefined while there is none. */
  take(): Pod | undefined {
    for (let entry = this.#active.pop(); entry !== undefined; entry = this.#active.pop()) {
      if (entry.place !== 'active') continue;
      this.#move(entry, 'in-flight');
      entry.attempts++;
      entry.triedMs = this.#clock.nowMs();
      if (entry.attempts === 1) entry.firstMs = entry.triedMs;
      entry.missed.clear();
      return entry.pod;
    }
    return undefined;
  }

  /** How often a pod was tried, and when first. */
  triesOf(pod: Pod): { readonly attempts: number; readonly firstMs: number } | undefined {
    return this.#entries.get(uidOf(pod));
  }

  /** All pods by what they wait for, for metrics; those that are being tried are none. */
  *waiting(): Iterable<{ readonly pod: Pod; readonly queue: QueueName; readonly rejectedBy: ReadonlySet<string> }> {
    for (const { pod, place, rejectedBy } of this.#entries.values()) {
      const queue = queueNames[place];
      if (queue !== undefined) yield { pod, queue, rejectedBy };
    }
  }

  /** The pod was turned down by these plugins; empty for an error, which is tried again after the back-off. */
  turnedDown(pod: Pod, rejectedBy: ReadonlySet<string>): void {
    const entry = this.#entries.get(uidOf(pod));
    if (entry === undefined) return;
    entry.rejectedBy = rejectedBy;
    this.#settle(entry);
  }

  /** As `turnedDown`, but the pod stays untouched until `release`: room is being made for it. */
  hold(pod: Pod, rejectedBy: ReadonlySet<string>): void {
    const entry = this.#entries.get(uidOf(pod));
    if (entry === undefined) return;
    entry.rejectedBy = rejectedBy;
    this.#move(entry, 'held');
  }

  /** Ends `hold`. `again`: what was prepared failed, so the pod is tried without waiting for a change. */
  release(pod: Pod, { again }: { readonly again: boolean }): void {
    const entry = this.#entries.get(uidOf(pod));
    if (entry?.place !== 'held') return;
    if (again) this.#activate(entry, 'ForceActivate');
    else this.#settle(entry);
  }

  /** Tries a pod that waits now, as its owner knows that it is worth it. */
  wake(pod: Pod): void {
    const entry = this.#entries.get(uidOf(pod));
    if (entry?.place === 'waiting' || entry?.place === 'backing-off') this.#activate(entry, 'ForceActivate');
  }

  /**
   * Wakes the pods that the change can help.
   * @param helps - Where it is known closer which those are.
   * @param event - What upstream calls it, where it is known closer.
   */
  changed(
    change: ClusterChange,
    helps: (pod: Pod, plugin: string) => boolean = () => true,
    event: string = events[change],
  ): void {
    // Nobody knows yet who will turn those down that are being tried.
    for (const entry of this.#busy) if (!entry.missed.has(change) && helps(entry.pod, '')) entry.missed.add(change);
    for (const entry of this.#waiting) if (this.#helps(entry, change, helps)) this.#activateLater(entry, event);
  }

  #settle(entry: Entry): void {
    // A bind may have taken long: the back-off counts from its end.
    if (entry.place === 'in-flight') entry.triedMs = this.#clock.nowMs();
    let isWorthIt = entry.rejectedBy.size === 0;
    for (const change of entry.missed) isWorthIt ||= this.#helps(entry, change);
    this.#move(entry, 'waiting');
    if (isWorthIt) return this.#activateLater(entry, FAILURE);
    this.#onIncoming?.('unschedulable', FAILURE);
    entry.timer = this.#clock.after(LONGEST_WAIT_MS, () => this.#activate(entry, 'UnschedulableTimeout'));
  }

  #helps(entry: Entry, change: ClusterChange, helps?: (pod: Pod, plugin: string) => boolean): boolean {
    for (const plugin of entry.rejectedBy)
      if (this.#wakesOn.get(plugin)?.has(change) && (helps?.(entry.pod, plugin) ?? true)) return true;
    return false;
  }

  #activateLater(entry: Entry, event: string): void {
    const { firstMs, maxMs } = this.#backoff;
    const backoffMs = Math.min(firstMs * 2 ** (entry.attempts - 1), maxMs);
    const leftMs = entry.triedMs + backoffMs - this.#clock.nowMs();
    if (leftMs <= 0) return this.#activate(entry, event);
    this.#move(entry, 'backing-off');
    this.#onIncoming?.('backoff', event);
    entry.timer = this.#clock.after(leftMs, () => this.#activate(entry, 'BackoffComplete'));
  }

  #activate(entry: Entry, event: string): void {
    this.#move(entry, 'active');
    this.#onIncoming?.('active', event);
    entry.turn = this.#turns++;
    this.#active.push(entry);
    this.#onReady();
  }

  #move(entry: Entry, place: Entry['place']): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.place = place;
    if (place === 'waiting') this.#waiting.add(entry);
    else this.#waiting.delete(entry);
    if (place === 'in-flight' || place === 'held') this.#busy.add(entry);
    else this.#busy.delete(entry);
  }
}

/** What of a pod decides where it can go; what the scheduler itself writes into its status does not. */
function relevantText({ metadata, spec }: Pod): string {
  return JSON.stringify([spec, metadata.labels]);
}

/** Source: framework/plugins/queuesort (PrioritySort). */
function isBefore(a: Entry, b: Entry): boolean {
  const difference = priorityOf(a.pod) - priorityOf(b.pod);
  return difference === 0 ? a.turn < b.turn : difference > 0;
}
