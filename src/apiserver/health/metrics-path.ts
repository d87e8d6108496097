import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import { METRICS_CONTENT_TYPE } from '../../telemetry/metrics/text.ts';
import type { Answer, AuthenticatedCall } from '../call.ts';

/** Answers paths below which metrics are read; undefined for others. */
export function createMetricsPaths(
  registries: Readonly<Record<string, MetricsRegistry>>,
): (call: AuthenticatedCall) => Promise<Answer> | undefined {
  return ({ path }) => {
    const registry = Object.hasOwn(registries, path) ? registries[path] : undefined;
    return registry === undefined ? undefined : answer(registry);
  };
}

async function answer(registry: MetricsRegistry): Promise<Answer> {
  const body = await registry.chunks();
  return { kind: 'bytes', status: 200, contentType: METRICS_CONTENT_TYPE, body };
}
