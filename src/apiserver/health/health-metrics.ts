import { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';

/** How the checks of health went, for `/metrics/slis`. Source: component-base `metrics/prometheus/slis/metrics.go`. */
export class HealthMetrics {
  readonly registry = new MetricsRegistry();
  readonly #last = this.registry.gauge({
    name: 'kubernetes_healthcheck',
    help: 'How a check of health went last: 1 is well.',
    stability: 'STABLE',
    labels: ['name', 'type'],
  });
  readonly #totals = this.registry.counter({
    name: 'kubernetes_healthchecks_total',
    help: 'Checks of health by how they went.',
    stability: 'STABLE',
    labels: ['name', 'type', 'status'],
  });

  /** @param type - `healthz`, `livez` or `readyz` */
  readonly record = (type: string, name: string, isWell: boolean): void => {
    this.#last.set(this.#last.series(name, type), isWell ? 1 : 0);
    this.#totals.add(this.#totals.series(name, type, isWell ? 'success' : 'error'));
  };
}
