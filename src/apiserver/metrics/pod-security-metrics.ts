import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { ValueFamily } from '../../telemetry/metrics/value-family.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';

/** One judgement of a pod by one of the levels of its namespace. */
export interface PodJudgement {
  readonly mode: 'enforce' | 'audit' | 'warn';
  readonly decision: 'allow' | 'deny';
  readonly level: string;
  /** `latest` or such as `v1.30`. */
  readonly version: string;
}

type About = Pick<AdmissionAttempt, 'operation' | 'resource' | 'subresource'>;

/** What Pod Security judges, and what it does not. Source: pod-security-admission `metrics/metrics.go`. */
export class PodSecurityMetrics {
  readonly #evaluations: ValueFamily;
  readonly #exemptions: ValueFamily;
  readonly #errors: ValueFamily;

  constructor(registry: MetricsRegistry) {
    const about = ['request_operation', 'resource', 'subresource'];
    this.#evaluations = registry.counter({
      name: 'pod_security_evaluations_total',
      help: 'Judgements of pods, those apart that are exempt.',
      stability: 'ALPHA',
      labels: ['decision', 'policy_level', 'policy_version', 'mode', ...about],
    });
    this.#exemptions = registry.counter({
      name: 'pod_security_exemptions_total',
      help: 'Requests that are exempt.',
      stability: 'ALPHA',
      labels: about,
    });
    this.#errors = registry.counter({
      name: 'pod_security_errors_total',
      help: 'Faults that kept pods from being judged as they should be.',
      stability: 'ALPHA',
      labels: ['fatal', ...about],
    });
    for (const operation of ['create', 'update'])
      for (const resource of ['pod', 'controller']) this.#exemptions.series(operation, resource, '');
  }

  judged(attempt: About, { mode, decision, level, version }: PodJudgement): void {
    this.#evaluations.add(this.#evaluations.series(decision, level, version, mode, ...labelsOf(attempt)));
  }

  exempt(attempt: About): void {
    this.#exemptions.add(this.#exemptions.series(...labelsOf(attempt)));
  }

  failed(attempt: About, { isFatal }: { readonly isFatal: boolean }): void {
    this.#errors.add(this.#errors.series(String(isFatal), ...labelsOf(attempt)));
  }
}

const resources: Readonly<Record<string, string>> = { pods: 'pod', namespaces: 'namespace' };

function labelsOf({ operation, resource, subresource }: About): readonly [string, string, string] {
  return [operation.toLowerCase(), resources[resource] ?? 'controller', subresource];
}
