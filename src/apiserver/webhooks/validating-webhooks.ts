import { internalError } from '../../machinery/errors/status-error.ts';
import type { AdmissionAttempt } from '../admission/admission.ts';
import { callWebhook } from './call-webhook.ts';
import type { Hook } from './configured-webhooks.ts';
import { type Invocation, invocationOf } from './invocation.ts';
import { observe } from './observe.ts';
import { VersionedObject, type VersionedPair } from './versioned-object.ts';
import type { WebhookDeps } from './webhook-dispatchers.ts';
import { CallingWebhookError, rejection, requestTimedOut } from './webhook-error.ts';

const FAILED_OPEN = 'failed-open.validating.webhook.admission.k8s.io/';

/**
 * Asks webhooks that judge objects, all at once: the first one that says no is heard.
 * Source: apiserver `admission/plugin/webhook/validating/dispatcher.go`.
 */
export class ValidatingWebhooks {
  readonly #deps: WebhookDeps;

  constructor(deps: WebhookDeps) {
    this.#deps = deps;
  }

  async dispatch(attempt: AdmissionAttempt, hooks: readonly Hook[]): Promise<void> {
    const wanted: { readonly invocation: Invocation; readonly pair: VersionedPair }[] = [];
    for (const hook of hooks) {
      const invocation = await invocationOf(hook, attempt, attempt.object, this.#deps);
      if (invocation === undefined) continue;
      const versioned = new VersionedObject(attempt, this.#deps.kinds);
      if (!(await this.#deps.conditions.hold(invocation, attempt, versioned))) continue;
      wanted.push({ invocation, pair: await inVersion(versioned, invocation) });
    }
    if (wanted.length === 0) return;
    if (attempt.signal.aborted) throw requestTimedOut();
    const faults: unknown[] = [];
    const startedMs = this.#deps.clock.nowMs();
    await Promise.all(
      wanted.map(({ invocation, pair }, index) =>
        this.#call(invocation, attempt, pair, index).catch((error) => void faults.push(error)),
      ),
    );
    attempt.waited?.(this.#deps.clock.nowMs() - startedMs);
    if (faults.length > 0) throw faults[0];
  }

  async #call(invocation: Invocation, attempt: AdmissionAttempt, pair: VersionedPair, index: number): Promise<void> {
    const { name: webhook, failurePolicy } = invocation.hook.webhook;
    const told = observe(this.#deps, invocation, attempt, 'validating');
    try {
      const options = { caller: this.#deps.caller, mutating: false };
      const verdict = await callWebhook(invocation, attempt, pair, options);
      if (!verdict.allowed) throw rejection(webhook, verdict.status);
      told.passed();
    } catch (error) {
      told.failed(error);
      if (!(error instanceof CallingWebhookError)) throw error;
      if (failurePolicy !== 'Ignore') throw internalError(error);
      this.#deps.logger.warn('a webhook failed and is passed over', { webhook, error });
      attempt.annotate(`${FAILED_OPEN}round_0_index_${index}`, webhook);
    }
  }
}

async function inVersion(versioned: VersionedObject, { kind }: Invocation): Promise<VersionedPair> {
  try {
    return await versioned.shownIn(kind);
  } catch (error) {
    throw internalError(error);
  }
}
