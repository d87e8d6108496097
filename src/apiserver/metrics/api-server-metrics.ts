import type { Clock } from '../../std/clock.ts';
import { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import { AccessMetrics } from './access-metrics.ts';
import { AdmissionMetrics } from './admission-metrics.ts';
import { PodSecurityMetrics } from './pod-security-metrics.ts';
import { RequestMetrics } from './request-metrics.ts';
import { DatastoreMetrics } from './storage-metrics.ts';
import { WatchMetrics } from './watch-metrics.ts';

/** What an API server counts, under kube-apiserver's names. */
export interface ApiServerMetrics {
  readonly registry: MetricsRegistry;
  readonly requests: RequestMetrics;
  readonly access: AccessMetrics;
  readonly admission: AdmissionMetrics;
  readonly podSecurity: PodSecurityMetrics;
  readonly datastore: DatastoreMetrics;
  readonly watches: WatchMetrics;
}

/** @param registry - Where others of the process may count too. Default: a new one. */
export function createApiServerMetrics(
  clock: Clock,
  registry: MetricsRegistry = new MetricsRegistry(),
): ApiServerMetrics {
  return {
    registry,
    requests: new RequestMetrics(registry, clock),
    access: new AccessMetrics(registry, clock),
    admission: new AdmissionMetrics(registry, clock),
    podSecurity: new PodSecurityMetrics(registry),
    datastore: new DatastoreMetrics(registry, clock),
    watches: new WatchMetrics(registry),
  };
}
