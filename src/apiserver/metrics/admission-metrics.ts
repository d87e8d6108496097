import type { Clock } from '../../std/clock.ts';
import type { SeriesId } from '../../telemetry/metrics/family.ts';
import type { HistogramFamily } from '../../telemetry/metrics/histogram-family.ts';
import type { MetricsRegistry } from '../../telemetry/metrics/metrics-registry.ts';
import type { Operation } from '../admission/admission.ts';

/** Source of all: apiserver `pkg/admission/metrics/metrics.go`. */

const DURATIONS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const MOST_CODE = 600;

/** Both halves of admission, as upstream calls them. */
export type AdmissionStep = 'admit' | 'validate';

/** How a webhook was asked; mutating ones are said to admit. */
export type WebhookType = 'admit' | 'validating';

export interface WebhookOutcome {
  readonly name: string;
  readonly type: WebhookType;
  readonly operation: Operation;
  readonly startedMs: number;
  /** Of the refusal; 200 where there is none. */
  readonly code: number;
  readonly rejected: boolean;
  /** Why it refused or failed, where it counts as a refusal. */
  readonly errorType?: 'calling_webhook_error' | 'apiserver_internal_error' | 'no_error' | undefined;
}

export type PolicyErrorType = 'no_error' | 'compile_error' | 'invalid_error' | 'out_of_budget';

export interface PolicyCheck {
  readonly policy: string;
  readonly binding: string;
  readonly errorType: PolicyErrorType;
  readonly action: 'allow' | 'deny' | 'audit' | 'warn';
  readonly seconds: number;
}

/** How long admission takes and whom it refuses: its two steps, its plugins, webhooks and policies. */
export class AdmissionMetrics {
  readonly clock: Clock;
  readonly #registry: MetricsRegistry;
  readonly #steps: HistogramFamily;
  readonly #plugins: HistogramFamily;
  readonly #known = new Map<string, SeriesId>();

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.clock = clock;
    this.#registry = registry;
    this.#steps = registry.histogram({
      name: 'apiserver_admission_step_admission_duration_seconds',
      help: 'Seconds of each step of admission.',
      stability: 'STABLE',
      labels: ['type', 'operation', 'rejected'],
      buckets: DURATIONS,
    });
    this.#plugins = registry.histogram({
      name: 'apiserver_admission_controller_admission_duration_seconds',
      help: 'Seconds of each plugin of admission.',
      stability: 'STABLE',
      labels: ['name', 'type', 'operation', 'rejected'],
      buckets: DURATIONS,
    });
  }

  step(type: AdmissionStep, operation: Operation, startedMs: number, rejected: boolean): void {
    const key = `${type} ${operation} ${rejected}`;
    let series = this.#known.get(key);
    if (series === undefined) {
      series = this.#steps.series(type, operation, String(rejected));
      this.#known.set(key, series);
    }
    this.#steps.observe(series, this.#secondsSince(startedMs));
  }

  /** Where a plugin is counted that lets pass; refusals are seldom. */
  pluginSeries(name: string, type: AdmissionStep, operation: Operation): SeriesId {
    return this.#plugins.series(name, type, operation, 'false');
  }

  passed(series: SeriesId, startedMs: number): void {
    this.#plugins.observe(series, this.#secondsSince(startedMs));
  }

  refused(name: string, type: AdmissionStep, operation: Operation, startedMs: number): void {
    this.#plugins.observe(this.#plugins.series(name, type, operation, 'true'), this.#secondsSince(startedMs));
  }

  /** A webhook has answered, or could not be asked. */
  webhook({ name, type, operation, startedMs, code, rejected, errorType }: WebhookOutcome): void {
    const told = String(Math.min(code, MOST_CODE));
    const durations = this.#registry.histogram({
      name: 'apiserver_admission_webhook_admission_duration_seconds',
      help: 'Seconds of each webhook of admission.',
      stability: 'STABLE',
      labels: ['name', 'type', 'operation', 'rejected'],
      buckets: [...DURATIONS, 10, 25],
    });
    durations.observe(durations.series(name, type, operation, String(rejected)), this.#secondsSince(startedMs));
    const requests = this.#registry.counter({
      name: 'apiserver_admission_webhook_request_total',
      help: 'Questions to webhooks of admission.',
      stability: 'ALPHA',
      labels: ['name', 'type', 'operation', 'code', 'rejected'],
    });
    requests.add(requests.series(name, type, operation, told, String(rejected)));
    if (!rejected || errorType === undefined) return;
    const rejections = this.#registry.counter({
      name: 'apiserver_admission_webhook_rejection_count',
      help: 'Requests that a webhook refused, or that were refused because it could not be asked.',
      stability: 'ALPHA',
      labels: ['name', 'type', 'operation', 'error_type', 'rejection_code'],
    });
    rejections.add(rejections.series(name, type, operation, errorType, told));
  }

  /** A webhook could not be asked, and the request passes all the same. */
  failedOpen(name: string, type: WebhookType): void {
    const counter = this.#registry.counter({
      name: 'apiserver_admission_webhook_fail_open_count',
      help: 'Requests that passed though a webhook could not be asked.',
      stability: 'ALPHA',
      labels: ['name', 'type'],
    });
    counter.add(counter.series(name, type));
  }

  /** An expression of a validating policy has judged. Source: `plugin/policy/validating/metrics/metrics.go`. */
  policyCheck({ policy, binding, errorType, action, seconds }: PolicyCheck): void {
    const labels = ['policy', 'policy_binding', 'error_type', 'enforcement_action'];
    const values = [policy, binding, errorType, action] as const;
    const name = 'apiserver_validating_admission_policy_check';
    const total = this.#registry.counter({
      name: `${name}_total`,
      help: 'Expressions of validating policies by what came of them.',
      stability: 'BETA',
      labels,
    });
    const durations = this.#registry.histogram({
      name: `${name}_duration_seconds`,
      help: 'Seconds of each expression of validating policies.',
      stability: 'BETA',
      labels,
      buckets: POLICY_DURATIONS,
    });
    total.add(total.series(...values));
    durations.observe(durations.series(...values), seconds);
  }

  /** A mutating policy has been evaluated. Source: `plugin/policy/mutating/metrics/metrics.go`. */
  mutatingPolicyCheck({ policy, binding, errorType, seconds }: Omit<PolicyCheck, 'action'>): void {
    const labels = ['policy', 'policy_binding', 'error_type'];
    const values = [policy, binding, errorType] as const;
    const name = 'apiserver_mutating_admission_policy_check';
    const total = this.#registry.counter({
      name: `${name}_total`,
      help: 'Expressions of mutating policies by what came of them.',
      stability: 'ALPHA',
      labels,
    });
    const durations = this.#registry.histogram({
      name: `${name}_duration_seconds`,
      help: 'Seconds of each expression of mutating policies.',
      stability: 'ALPHA',
      labels,
      buckets: POLICY_DURATIONS,
    });
    total.add(total.series(...values));
    durations.observe(durations.series(...values), seconds);
  }

  #secondsSince(startedMs: number): number {
    return (this.clock.nowMs() - startedMs) / 1000;
  }
}

const POLICY_DURATIONS = [0.0000005, 0.001, 0.01, 0.1, 1];
