import type { Pod, Service } from '../../generated/api/core/v1.ts';
import { findCondition } from '../conditions.ts';
import { parseTime } from '../timestamps.ts';

/** Annotation of endpoints: since when the change was due that led to their last write. */
export const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

interface Seen {
  readonly createdMs: number;
  readonly podMs: ReadonlyMap<string, number>;
}

/**
 * Remembers of each service when its pods changed last, so that the delay of its endpoints can be told.
 *
 * Source: `k8s.io/endpointslice/util/trigger_time_tracker.go`.
 */
export class TriggerTimes {
  readonly #seen = new Map<string, Seen>();

  /** The earliest of the changes since the last call for this service; undefined where nothing changed. */
  observe(key: string, service: Service, pods: readonly Pod[]): string | undefined {
    const before = this.#seen.get(key);
    const created = service.metadata.creationTimestamp;
    const createdMs = parseTime(created) ?? 0;
    const podMs = new Map<string, number>();
    const changes: string[] = [];
    for (const { metadata, status } of pods) {
      const time = findCondition(status?.conditions, 'Ready')?.lastTransitionTime;
      const ms = parseTime(time);
      if (time === undefined || ms === undefined) continue;
      podMs.set(metadata.name ?? '', ms);
      if (ms > (before?.podMs.get(metadata.name ?? '') ?? 0)) changes.push(time);
    }
    this.#seen.set(key, { createdMs, podMs });
    if (before === undefined) return created;
    if (created !== undefined && createdMs > before.createdMs) changes.push(created);
    return changes.sort((a, b) => (parseTime(a) ?? 0) - (parseTime(b) ?? 0))[0];
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}

/** Annotations with the trigger time as it is now: an old one says nothing of this write. */
export function withTriggerTime(
  annotations: Readonly<Record<string, string>> | undefined,
  time: string | undefined,
): Record<string, string> | undefined {
  const { [TRIGGER_TIME]: _, ...others } = annotations ?? {};
  const next = time === undefined ? others : { ...others, [TRIGGER_TIME]: time };
  return Object.keys(next).length === 0 ? undefined : next;
}
