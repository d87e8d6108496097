import { randomUUID } from 'node:crypto';
import type { AdmissionAttempt } from '../admission/admission.ts';
import { readVerdict, toReview, type Verdict } from './admission-review.ts';
import type { Invocation } from './invocation.ts';
import type { VersionedPair } from './versioned-object.ts';
import type { WebhookCaller } from './webhook-caller.ts';
import { CallingWebhookError, dryRunUnsupported } from './webhook-error.ts';

const DEFAULT_TIMEOUT_SECONDS = 10;
const USER_AGENT = 'kube-apiserver-admission';

/**
 * Asks one webhook; notes and warnings of its answer go to the attempt.
 * @throws CallingWebhookError where it cannot be asked or its answer does not count
 * @throws StatusError 400 for a dry run that the webhook cannot keep without side effects
 */
export async function callWebhook(
  invocation: Invocation,
  attempt: AdmissionAttempt,
  pair: VersionedPair,
  { caller, mutating }: { readonly caller: WebhookCaller; readonly mutating: boolean },
): Promise<Verdict> {
  const { webhook } = invocation.hook;
  const { name, sideEffects, clientConfig, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = webhook;
  if (attempt.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') throw dryRunUnsupported(name);
  const review = during(name, 'could not create admission objects', () =>
    toReview(randomUUID(), invocation, attempt, pair),
  );
  let answer: unknown;
  try {
    answer = await caller.post({
      clientConfig,
      body: review.body,
      timeoutSeconds,
      userAgent: USER_AGENT,
      signal: attempt.signal,
    });
  } catch (error) {
    throw failed(name, 'failed to call webhook', error);
  }
  const verdict = during(name, 'received invalid webhook response', () => readVerdict(answer, review, { mutating }));
  for (const [key, value] of Object.entries(verdict.auditAnnotations)) attempt.annotate(`${name}/${key}`, value);
  for (const warning of verdict.warnings) attempt.warn(warning);
  return verdict;
}

function during<T>(webhook: string, what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw failed(webhook, what, error);
  }
}

function failed(webhook: string, what: string, error: unknown): CallingWebhookError {
  const why = error instanceof Error ? error.message : String(error);
  return new CallingWebhookError(webhook, `${what}: ${why}`, { cause: error });
}
