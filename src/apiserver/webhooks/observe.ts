import { StatusError } from '../../machinery/errors/status-error.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import type { WebhookType } from '../metrics/admission-metrics.ts';
import type { Invocation } from './invocation.ts';
import type { WebhookDeps } from './webhook-dispatchers.ts';
import { CallingWebhookError } from './webhook-error.ts';

/** Takes how the question to a webhook went, once. */
export interface Observation {
  passed(): void;
  failed(error: unknown): void;
}

/** Counts one question to a webhook. Source: `plugin/webhook/validating/dispatcher.go`, `mutating/dispatcher.go`. */
export function observe(
  { metrics, clock }: Pick<WebhookDeps, 'metrics' | 'clock'>,
  { hook }: Invocation,
  { operation, signal }: AdmissionAttempt,
  type: WebhookType,
): Observation {
  if (metrics === undefined) return { passed() {}, failed() {} };
  const { name, failurePolicy } = hook.webhook;
  const question = { name, type, operation, startedMs: clock.nowMs() };
  return {
    passed: () => metrics.webhook({ ...question, code: 200, rejected: false }),
    failed(error) {
      const isIgnored = error instanceof CallingWebhookError && failurePolicy === 'Ignore';
      if (isIgnored && !signal.aborted) metrics.failedOpen(name, type);
      metrics.webhook({ ...question, ...outcomeOf(error), rejected: !isIgnored });
    },
  };
}

function outcomeOf(
  error: unknown,
): Pick<Parameters<NonNullable<WebhookDeps['metrics']>['webhook']>[0], 'code' | 'errorType'> {
  if (error instanceof CallingWebhookError) {
    const { cause } = error;
    return { code: cause instanceof StatusError ? cause.code : 500, errorType: 'calling_webhook_error' };
  }
  if (error instanceof StatusError && error.code < 500) return { code: error.code, errorType: 'no_error' };
  return { code: 0, errorType: 'apiserver_internal_error' };
}
