import type { Client } from '../client/client.ts';
import { referenceTo } from '../client/events.ts';
import type { Pod } from '../generated/api/core/v1.ts';
import type { Event } from '../generated/api/events/v1.ts';
import { eventsRegarding, pods } from '../generated/resource-types.ts';
import { isNotFound } from '../machinery/errors/status-error.ts';
import { keyOf } from '../machinery/object/object.ts';
import type { Clock } from '../std/clock.ts';
import { Queue } from '../std/queue.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface SchedulingEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: 'Scheduling' | 'Binding' | 'Preempting';
  readonly note: string;
}

export interface SchedulingEventsOptions {
  readonly client: Client;
  /** Name of the machine; with the profile's it names the instance. */
  readonly host: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Events that wait; more are dropped. Source: client-go `tools/events/event_broadcaster.go`. */
const MOST_QUEUED = 1000;
const FINISH_MS = 6 * 60_000;

interface Entry {
  readonly event: Event;
  count: number;
  lastMs: number;
}

/**
 * Tells users what becomes of pods, by events of `events.k8s.io`. What is told again of the same state of a pod becomes
 * a series: its second occurrence is written at once, the count of the others when it has ended.
 *
 * Source: client-go `tools/events` (event_recorder.go, event_broadcaster.go).
 */
export class SchedulingEvents {
  readonly #options: SchedulingEventsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #queue = new Queue<() => Promise<unknown>>();
  #isRunning = false;
  #lastStamp = 0n;

  constructor(options: SchedulingEventsOptions) {
    this.#options = options;
  }

  /** Returns at once; an event that cannot be written is lost. */
  tell(pod: Pod, profile: string, { type, reason, action, note }: SchedulingEvent): void {
    const { clock, host } = this.#options;
    const nowMs = clock.nowMs();
    const regarding = referenceTo(pods, pod);
    const key = [regarding.uid, regarding.resourceVersion, type, action, reason, profile].join('|');
    this.#forgetOld(nowMs);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.count++;
      known.lastMs = nowMs;
      if (known.count > 2) return;
      this.#finishLater(key, known);
      return this.#push(() => this.#writeSeries(known));
    }
    const stamp = BigInt(nowMs) * 1_000_000n;
    this.#lastStamp = stamp > this.#lastStamp ? stamp : this.#lastStamp + 1n;
    const namespace = pod.metadata.namespace || 'default';
    const event: Event = {
      metadata: { name: `${pod.metadata.name}.${this.#lastStamp.toString(16)}`, namespace },
      eventTime: toMicroText(nowMs),
      reportingController: profile,
      reportingInstance: `${profile}-${host}`,
      action,
      reason,
      regarding,
      note,
      type,
    };
    this.#entries.set(key, { event, count: 1, lastMs: nowMs });
    this.#push(() => this.#options.client.create(eventsRegarding, event));
  }

  #push(write: () => Promise<unknown>): void {
    if (this.#queue.length >= MOST_QUEUED) return;
    this.#queue.push(write);
    if (!this.#isRunning) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    // A turn of the loop first: the caller is in the middle of its work.
    await Promise.resolve();
    for (let write = this.#queue.shift(); write !== undefined; write = this.#queue.shift())
      await write().catch((error: unknown) => this.#options.logger.debug('an event was not written', { error }));
    this.#isRunning = false;
  }

  async #writeSeries({ event, count, lastMs }: Entry): Promise<void> {
    const { client } = this.#options;
    const series = { count, lastObservedTime: toMicroText(lastMs) };
    const patch = client.patch(eventsRegarding, keyOf(event), { series }, { type: 'strategic' });
    await patch.catch(async (error: unknown) => {
      if (!isNotFound(error)) throw error;
      await client.create(eventsRegarding, { ...event, series });
    });
  }

  #finishLater(key: string, entry: Entry): void {
    const { clock } = this.#options;
    clock.after(entry.lastMs + FINISH_MS - clock.nowMs(), () => {
      if (clock.nowMs() < entry.lastMs + FINISH_MS) return this.#finishLater(key, entry);
      this.#entries.delete(key);
      if (entry.count > 2) this.#push(() => this.#writeSeries(entry));
    });
  }

  /** Entries stand in the order in which they began, so the first that is young ends the search. */
  #forgetOld(nowMs: number): void {
    for (const [key, { count, lastMs }] of this.#entries) {
      if (count > 1) continue;
      if (lastMs + FINISH_MS > nowMs) return;
      this.#entries.delete(key);
    }
  }
}

const toMicroText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`;
