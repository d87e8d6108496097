import type { APIService } from '../../generated/api/apiregistration/v1.ts';
import { apiservices } from '../../generated/resource-types.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { ObjectReader } from '../object-reader.ts';

/**
 * Which APIServices have nobody behind them. Source: kube-aggregator `controllers/status/metrics/metrics.go`.
 * @returns what to tell of each that becomes unavailable
 */
export function collectAggregationMetrics(
  registry: MetricsRegistry,
  reader: ObjectReader,
): (name: string, reason: string) => void {
  const gauge = registry.gauge({
    name: 'aggregator_unavailable_apiservice',
    help: '1 for each APIService that is not available.',
    stability: 'ALPHA',
    labels: ['name'],
  });
  const total = registry.counter({
    name: 'aggregator_unavailable_apiservice_total',
    help: 'Times that an APIService became unavailable.',
    stability: 'ALPHA',
    labels: ['name', 'reason'],
  });
  registry.collect(async () => {
    gauge.clear();
    for (const { metadata, status } of await reader.list(apiservices as ResourceType<APIService & KubeObject>)) {
      const isAvailable = status?.conditions?.some((each) => each.type === 'Available' && each.status === 'True');
      gauge.set(gauge.series(metadata.name ?? ''), isAvailable ? 0 : 1);
    }
  });
  return (name, reason) => total.add(total.series(name, reason));
}
