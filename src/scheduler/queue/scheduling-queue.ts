import type { Pod } from '../../generated/api/core/v1.ts';
import { keyOf, toKeyText } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { ClusterChange } from '../framework/plugin.ts';

/** Source: pkg/scheduler/apis/config/v1/defaults.go (podInitialBackoffSeconds, podMaxBackoffSeconds). */
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 10_000;
/** A pod that nothing wakes is tried again after so long. Source: backend/queue (DefaultPodMaxInUnschedulablePodsDuration). */
const LONGEST_WAIT_MS = 5 * 60_000;

interface Entry {
  pod: Pod;
  attempts: number;
  /** When it came, and when it was tried last. */
  readonly addedMs: number;
  triedMs: number;
  /** Plugins that turned it down last time. */
  rejectedBy: ReadonlySet<string>;
  place: 'active' | 'waiting' | 'in-flight';
  /** Changes that came while it was being tried. */
  missed: ClusterChange[];
}

/**
 * Pods without a node: those to try now (highest priority first, then the oldest), and those that nothing has changed
 * for since they were turned down. A change wakes the pods whose plugins it can help, after their back-off.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #wakesOn: ReadonlyMap<string, ReadonlySet<ClusterChange>>;
  readonly #entries = new Map<string, Entry>();
  #onReady: () => void = () => {};

  /** @param wakesOn - For each filter plugin, what can change its mind. */
  constructor(clock: Clock, wakesOn: ReadonlyMap<string, ReadonlySet<ClusterChange>>) {
    this.#clock = clock;
    this.#wakesOn = wakesOn;
  }

  /** Called whenever there may be a pod to take. */
  onReady(call: () => void): void {
    this.#onReady = call;
  }

  /** Adds a pod or its newer state. A change of the pod itself makes it worth a try. */
  set(pod: Pod): void {
    const key = toKeyText(keyOf(pod));
    const known = this.#entries.get(key);
    if (known !== undefined && known.pod.metadata.uid === pod.metadata.uid) {
      const changed =
        JSON.stringify([known.pod.spec, known.pod.metadata.labels]) !== JSON.stringify([pod.spec, pod.metadata.labels]);
      known.pod = pod;
      if (changed && known.place === 'waiting') this.#activate(known);
      return;
    }
    const nowMs = this.#clock.nowMs();
    this.#entries.set(key, {
      pod,
      attempts: 0,
      addedMs: nowMs,
      triedMs: 0,
      rejectedBy: new Set(),
      place: 'active',
      missed: [],
    });
    this.#onReady();
  }

  remove(pod: Pod): void {
    this.#entries.delete(toKeyText(keyOf(pod)));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The next pod to try; undefined while there is none. */
  take(): Pod | undefined {
    let best: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.place === 'active' && (best === undefined || isBefore(entry, best))) best = entry;
    }
    if (best === undefined) return undefined;
    best.place = 'in-flight';
    best.attempts++;
    best.triedMs = this.#clock.nowMs();
    best.missed = [];
    return best.pod;
  }

  /** The pod has a node. */
  done(pod: Pod): void {
    this.#entries.delete(toKeyText(keyOf(pod)));
  }

  /** The pod was turned down by these plugins; empty for an error, which is tried again after the back-off. */
  turnedDown(pod: Pod, rejectedBy: ReadonlySet<string>): void {
    const entry = this.#entries.get(toKeyText(keyOf(pod)));
    if (entry === undefined || entry.pod.metadata.uid !== pod.metadata.uid) return;
    entry.rejectedBy = rejectedBy;
    entry.place = 'waiting';
    if (rejectedBy.size === 0 || entry.missed.some((change) => this.#helps(entry, change))) this.#activateLater(entry);
    else this.#clock.after(LONGEST_WAIT_MS, () => this.#activate(entry));
  }

  /** Wakes the pods that the change can help. */
  changed(change: ClusterChange): void {
    for (const entry of this.#entries.values()) {
      if (entry.place === 'in-flight') entry.missed.push(change);
      else if (entry.place === 'waiting' && this.#helps(entry, change)) this.#activateLater(entry);
    }
  }

  #helps(entry: Entry, change: ClusterChange): boolean {
    for (const plugin of entry.rejectedBy) if (this.#wakesOn.get(plugin)?.has(change)) return true;
    return false;
  }

  #activateLater(entry: Entry): void {
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (entry.attempts - 1), LONGEST_BACKOFF_MS);
    const leftMs = entry.triedMs + backoffMs - this.#clock.nowMs();
    if (leftMs <= 0) this.#activate(entry);
    else this.#clock.after(leftMs, () => this.#activate(entry));
  }

  #activate(entry: Entry): void {
    if (entry.place !== 'waiting' || this.#entries.get(toKeyText(keyOf(entry.pod))) !== entry) return;
    entry.place = 'active';
    this.#onReady();
  }
}

/** Source: framework/plugins/queuesort (PrioritySort). */
function isBefore(a: Entry, b: Entry): boolean {
  const difference = (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0);
  return difference === 0 ? a.addedMs < b.addedMs : difference > 0;
}
