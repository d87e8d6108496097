import { validatingwebhookconfigurations } from '../../generated/resource-types.ts';
import { internalError } from '../../machinery/errors/status-error.ts';
import type { AdmissionAttempt, AdmissionPlugin } from '../admission/admission.ts';
import { callWebhook } from './call-webhook.ts';
import { ConfiguredWebhooks, type Hook } from './configured-webhooks.ts';
import { type Invocation, invocationOf, isExempt } from './invocation.ts';
import { VersionedObject, type VersionedPair } from './versioned-object.ts';
import { CallingWebhookError, rejection, requestTimedOut } from './webhook-error.ts';
import type { WebhookDeps } from './webhooks.ts';

const FAILED_OPEN = 'failed-open.validating.webhook.admission.k8s.io/';

/**
 * Asks webhooks that judge objects, all at once: the first one that says no is heard.
 * Source: apiserver `admission/plugin/webhook/validating/dispatcher.go`.
 */
export class ValidatingWebhooks implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionWebhook';
  readonly operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;
  readonly #configured: ConfiguredWebhooks;
  readonly #deps: WebhookDeps;

  constructor(deps: WebhookDeps) {
    this.#deps = deps;
    this.#configured = new ConfiguredWebhooks(deps.feed, validatingwebhookconfigurations);
  }

  validate(attempt: AdmissionAttempt): void | Promise<void> {
    const syncing = this.#configured.whenSynced();
    if (syncing !== undefined) return syncing.then(() => this.validate(attempt));
    const { hooks } = this.#configured;
    if (hooks.length === 0 || isExempt(attempt.kind)) return;
    return this.#dispatch(attempt, hooks);
  }

  async #dispatch(attempt: AdmissionAttempt, hooks: readonly Hook[]): Promise<void> {
    const wanted: { readonly invocation: Invocation; readonly pair: VersionedPair }[] = [];
    for (const hook of hooks) {
      const invocation = await invocationOf(hook, attempt, attempt.object, this.#deps);
      if (invocation === undefined) continue;
      const versioned = new VersionedObject(attempt, this.#deps.kinds);
      if (!(await this.#deps.conditions.hold(invocation, attempt, versioned))) continue;
      wanted.push({ invocation, pair: inVersion(versioned, invocation) });
    }
    if (wanted.length === 0) return;
    if (attempt.signal.aborted) throw requestTimedOut();
    const faults: unknown[] = [];
    await Promise.all(
      wanted.map(({ invocation, pair }, index) =>
        this.#call(invocation, attempt, pair, index).catch((error) => void faults.push(error)),
      ),
    );
    if (faults.length > 0) throw faults[0];
  }

  async #call(invocation: Invocation, attempt: AdmissionAttempt, pair: VersionedPair, index: number): Promise<void> {
    const { name: webhook, failurePolicy } = invocation.hook.webhook;
    try {
      const options = { caller: this.#deps.caller, mutating: false };
      const verdict = await callWebhook(invocation, attempt, pair, options);
      if (!verdict.allowed) throw rejection(webhook, verdict.status);
    } catch (error) {
      if (!(error instanceof CallingWebhookError)) throw error;
      if (failurePolicy !== 'Ignore') throw internalError(error);
      this.#deps.logger.warn('a webhook failed and is passed over', { webhook, error });
      attempt.annotate(`${FAILED_OPEN}round_0_index_${index}`, webhook);
    }
  }
}

function inVersion(versioned: VersionedObject, { kind }: Invocation): VersionedPair {
  try {
    return versioned.shownIn(kind);
  } catch (error) {
    throw internalError(error);
  }
}
