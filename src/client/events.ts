import type { Event, ObjectReference } from '../generated/api/core/v1.ts';
import { events } from '../generated/resource-types.ts';
import { isNotFound, StatusError } from '../machinery/errors/status-error.ts';
import { type KubeObject, type ResourceType, toApiVersion } from '../machinery/object/object.ts';
import { orAborted } from '../std/abort.ts';
import type { Clock } from '../std/clock.ts';
import { Queue } from '../std/queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Client } from './client.ts';
import { EventCorrelator } from './event-correlator.ts';

export interface EventRecorder {
  /** Tells users what happened to an object. Returns at once; an event that cannot be written is lost. */
  event(about: ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Resolves once all events so far are written or given up. */
  flushed(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Client;
  /** Such as `deployment-controller`; shown as the source. */
  readonly component: string;
  /** Node name of a component that runs on a node. */
  readonly host?: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Stops waiting events. */
  readonly signal: AbortSignal;
}

/** Events that wait; more are dropped. Source: client-go `tools/record/event.go` (maxQueuedEvents). */
const MAX_QUEUED = 1000;
const MAX_TRIES = 4;
const RETRY_MS = 10_000;

/** A reference to an object whose kind is known by its resource: stored objects need not carry their kind. */
export function referenceTo(type: ResourceType, object: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  const apiVersion = toApiVersion(type);
  return { kind: type.kind, ...(namespace ? { namespace } : {}), name, uid, apiVersion, resourceVersion };
}

/** Writes events of the core group, correlated as client-go's recorder does. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, component, host, clock, logger, signal } = options;
  const correlator = new EventCorrelator();
  const queue = new Queue<Event>();
  let running: Promise<void> | undefined;
  let lastStamp = 0n;

  async function write(event: Event): Promise<void> {
    const plan = correlator.plan(event, clock.nowMs());
    if (plan.step === 'drop') return;
    const { seenKey, message } = plan;
    let wanted: Event = { ...event, message };
    if (plan.step === 'create' && plan.combined) {
      const { reportingComponent: _, reportingInstance: __, ...rest } = wanted;
      wanted = rest as Event;
    }
    if (plan.step === 'count') {
      const { name, count } = plan;
      const patch = { message, count, lastTimestamp: event.lastTimestamp };
      const key = { namespace: event.metadata.namespace, name };
      try {
        correlator.remember(seenKey, await client.patch(events, key, patch, { type: 'strategic' }));
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        correlator.forget(seenKey);
      }
    }
    correlator.remember(seenKey, await client.create(events, wanted));
  }

  async function writeWithRetry(event: Event): Promise<void> {
    for (let tries = 1; !signal.aborted; tries++) {
      try {
        return await write(event);
      } catch (error) {
        // The server judged it: a namespace that ends, a conflict, a refusal. Only a silent server is worth a retry.
        const final = error instanceof StatusError || tries >= MAX_TRIES;
        logger.debug('an event was not written', { component, reason: event.reason, error, final });
        if (final) return;
        await clock.sleep(RETRY_MS, signal).catch(() => {});
      }
    }
  }

  async function drain(): Promise<void> {
    // A turn of the loop first: the caller is in the middle of its work.
    await Promise.resolve();
    for (let event = queue.shift(); event !== undefined && !signal.aborted; event = queue.shift()) {
      await orAborted(writeWithRetry(event), signal).catch(() => {});
    }
    running = undefined;
  }

  return {
    event(about, type, reason, message) {
      if (queue.length >= MAX_QUEUED || signal.aborted) return;
      // Nanoseconds in upstream's names; ours only need to differ and to grow.
      const nowMs = clock.nowMs();
      const stamp = BigInt(nowMs) * 1_000_000n;
      lastStamp = stamp > lastStamp ? stamp : lastStamp + 1n;
      const time = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
      queue.push({
        metadata: { name: `${about.name}.${lastStamp.toString(16)}`, namespace: about.namespace || 'default' },
        involvedObject: about,
        reason,
        message,
        source: host === undefined ? { component } : { component, host },
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
        type,
        reportingComponent: component,
        ...(host === undefined ? {} : { reportingInstance: host }),
      });
      running ??= drain();
    },
    async flushed() {
      while (running !== undefined) await running;
    },
  };
}

/** Makes recorders for a process: one for each component, under the component's own identity. */
export type EventRecorderFactory = (component: string, client: Client) => EventRecorder;
