import type { Backend } from '../../datastore/backend.ts';
import type { Clock } from '../../std/clock.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import { toPrefix } from '../storage/keys.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import type { StoredResource } from './storage-metrics.ts';

/** How old numbers of objects may be that nobody has in memory. Source: apiserver `--etcd-count-metric-poll-period`. */
const COUNT_MS = 60_000;

export interface CacheMetricsDeps {
  readonly backend: Backend;
  readonly clock: Clock;
  /** All resources that are stored, by their prefix. */
  prefixes(): Iterable<string>;
  /** The cache of a prefix, where there is one. */
  cacheOf(prefix: string): WatchCache | undefined;
  resourceOf(prefix: string): StoredResource;
  revision(): bigint;
}

/**
 * What is stored and what is in memory of it, read when somebody asks.
 * Source: apiserver `pkg/storage/cacher/metrics/metrics.go`, `pkg/storage/etcd3/metrics/metrics.go`.
 */
export function collectCacheMetrics(registry: MetricsRegistry, deps: CacheMetricsDeps): void {
  const labels = ['group', 'resource'];
  const family = (type: 'counter' | 'gauge', name: string, help: string, stability: 'ALPHA' | 'BETA' = 'ALPHA') =>
    registry[type]({ name, help, stability, labels });
  const received = family(
    'counter',
    'apiserver_watch_cache_events_received_total',
    'Changes that caches were told of.',
  );
  const stored = family(
    'counter',
    'apiserver_storage_events_received_total',
    'Changes that came from the log.',
    'BETA',
  );
  const dispatched = family('counter', 'apiserver_watch_cache_events_dispatched_total', 'Changes shown to watches.');
  const fills = family('counter', 'apiserver_watch_cache_initializations_total', 'Times that a cache was filled.');
  const initial = family('counter', 'apiserver_init_events_total', 'Objects with which watches began.');
  const revisions = family('gauge', 'apiserver_watch_cache_resource_version', 'Revision that a cache is at.');
  const capacity = family('gauge', 'watch_cache_capacity', 'Changes that a cache keeps.');
  const objects = family('gauge', 'apiserver_resource_objects', 'Objects that are stored.');
  const sizes = family('gauge', 'apiserver_resource_size_estimate_bytes', 'Bytes of stored objects; -1: not known.');
  const older = registry.gauge({
    name: 'apiserver_storage_objects',
    help: '(Deprecated since 1.34.0) Objects that are stored.',
    stability: 'STABLE',
    labels: ['resource'],
  });
  const size = registry.gauge({
    name: 'apiserver_storage_size_bytes',
    help: 'Bytes that the datastore takes.',
    stability: 'STABLE',
    labels: ['storage_cluster_id'],
  });
  const counted = new Map<string, { readonly atMs: number; readonly count: number }>();

  const countOf = async (prefix: string): Promise<number> => {
    const nowMs = deps.clock.nowMs();
    const known = counted.get(prefix);
    if (known !== undefined && nowMs - known.atMs < COUNT_MS) return known.count;
    const count = await deps.backend.count(toPrefix(prefix));
    counted.set(prefix, { atMs: nowMs, count });
    return count;
  };

  registry.collect(async () => {
    for (const family of [objects, sizes, older, revisions, capacity]) family.clear();
    for (const prefix of deps.prefixes()) {
      const { group, resource } = deps.resourceOf(prefix);
      const figures = deps.cacheOf(prefix)?.figures();
      const isLoaded = figures?.size !== undefined;
      const count = figures?.size ?? (await countOf(prefix));
      objects.set(objects.series(group, resource), count);
      older.set(older.series(group === '' ? resource : `${resource}.${group}`), count);
      sizes.set(sizes.series(group, resource), figures?.bytes ?? (count === 0 ? 0 : -1));
      if (figures === undefined || !isLoaded) continue;
      revisions.set(revisions.series(group, resource), Number(deps.revision()));
      capacity.set(capacity.series(group, resource), figures.changes);
      fills.set(fills.series(group, resource), figures.fills);
      if (figures.received > 0) {
        received.set(received.series(group, resource), figures.received);
        stored.set(stored.series(group, resource), figures.received);
      }
      dispatched.set(dispatched.series(group, resource), figures.received);
      if (figures.initial > 0) initial.set(initial.series(group, resource), figures.initial);
    }
  });
  registry.collect(async () => {
    size.set(size.series('etcd-0'), await deps.backend.sizeBytes());
  });
}
