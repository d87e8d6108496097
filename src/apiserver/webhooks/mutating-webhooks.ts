import { parseJson } from '../../machinery/codecs/json/parse.ts';
import { internalError, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject } from '../../machinery/object/object.ts';
import { applyJsonPatch } from '../../machinery/patch/json-patch.ts';
import type { AdmissionAttempt, MutationRound } from '../admission/admission.ts';
import { cloneJson } from '../registry/clone-json.ts';
import { isSame } from '../registry/equality.ts';
import { toObject, withDefaults } from '../verbs/decode-body.ts';
import type { Verdict } from './admission-review.ts';
import { callWebhook } from './call-webhook.ts';
import type { Hook } from './configured-webhooks.ts';
import { type Invocation, invocationOf } from './invocation.ts';
import { observe } from './observe.ts';
import { VersionedObject, type VersionedPair } from './versioned-object.ts';
import type { WebhookDeps } from './webhook-dispatchers.ts';
import { CallingWebhookError, rejection, requestTimedOut } from './webhook-error.ts';

const MUTATION = 'mutation.webhook.admission.k8s.io/';

/** What the first round leaves for the second. Source: `admission/plugin/webhook/mutating/reinvocationcontext.go`. */
interface Rounds {
  /** Webhooks that want to be asked again, once a later one changes the object. */
  readonly called: Set<string>;
  readonly recalled: Set<string>;
  output: AnyObject | undefined;
}

/**
 * Asks webhooks that may change objects, one after the other: each sees what those before it have made.
 * Source: apiserver `admission/plugin/webhook/mutating/dispatcher.go`.
 */
export class MutatingWebhooks {
  readonly #deps: WebhookDeps;
  readonly #rounds = new WeakMap<AdmissionAttempt, Rounds>();

  constructor(deps: WebhookDeps) {
    this.#deps = deps;
  }

  async dispatch(attempt: AdmissionAttempt, round: MutationRound, hooks: readonly Hook[]): Promise<void> {
    const rounds = this.#roundsOf(attempt);
    if (round.isRepeated && !isSame(rounds.output, attempt.object)) recallAll(rounds);
    const versioned = new VersionedObject(attempt, this.#deps.kinds);
    for (const [index, hook] of hooks.entries()) {
      const invocation = await invocationOf(hook, attempt, versioned.current, this.#deps);
      if (invocation === undefined) continue;
      if (!(await this.#deps.conditions.hold(invocation, attempt, versioned))) continue;
      if (round.isRepeated && !rounds.recalled.has(hook.id)) continue;
      const changed = await this.#call(invocation, attempt, versioned, { isRepeated: round.isRepeated, index });
      if (changed) {
        recallAll(rounds);
        round.repeat();
      }
      if (hook.webhook.reinvocationPolicy === 'IfNeeded') rounds.called.add(hook.id);
    }
    await versioned.settle();
    rounds.output = attempt.object === undefined ? undefined : cloneJson(attempt.object);
  }

  #roundsOf(attempt: AdmissionAttempt): Rounds {
    const known = this.#rounds.get(attempt) ?? { called: new Set(), recalled: new Set(), output: undefined };
    this.#rounds.set(attempt, known);
    return known;
  }

  /** @returns whether the object is another one now. */
  async #call(
    invocation: Invocation,
    attempt: AdmissionAttempt,
    versioned: VersionedObject,
    { isRepeated, index }: { readonly isRepeated: boolean; readonly index: number },
  ): Promise<boolean> {
    const { hook } = invocation;
    const { name: webhook, failurePolicy } = hook.webhook;
    const suffix = `round_${isRepeated ? 1 : 0}_index_${index}`;
    let mutated = false;
    const told = observe(this.#deps, invocation, attempt, 'admit');
    const startedMs = this.#deps.clock.nowMs();
    try {
      const pair = await inVersion(versioned, invocation);
      const options = { caller: this.#deps.caller, mutating: true };
      const verdict = await callWebhook(invocation, attempt, pair, options);
      if (!verdict.allowed) throw rejection(webhook, verdict.status);
      mutated = await patched(verdict, invocation, versioned);
      if (mutated) this.#tellPatch(attempt, invocation, verdict, suffix);
      told.passed();
    } catch (error) {
      told.failed(error);
      if (!(error instanceof CallingWebhookError)) throw error;
      if (failurePolicy !== 'Ignore') throw internalError(error);
      if (attempt.signal.aborted) throw requestTimedOut();
      this.#deps.logger.warn('a webhook failed and is passed over', { webhook, error });
      attempt.annotate(`failed-open.${MUTATION}${suffix}`, webhook);
    } finally {
      attempt.waited?.(this.#deps.clock.nowMs() - startedMs);
      attempt.annotate(`${MUTATION}${suffix}`, JSON.stringify({ configuration: hook.configuration, webhook, mutated }));
    }
    return mutated;
  }

  /** Heard by those alone who are told of the objects of requests. */
  #tellPatch(attempt: AdmissionAttempt, { hook }: Invocation, { patch, patchType }: Verdict, suffix: string): void {
    const { configuration, webhook } = hook;
    const told = { configuration, webhook: webhook.name, patch: JSON.parse(patch?.toString() ?? 'null'), patchType };
    attempt.annotate(`patch.webhook.admission.k8s.io/${suffix}`, JSON.stringify(told));
  }
}

/** Puts what the patch of a verdict makes in the object's place. @returns whether that is another one. */
async function patched(verdict: Verdict, { kind, hook }: Invocation, versioned: VersionedObject): Promise<boolean> {
  const { patch, patchType } = verdict;
  const { name } = hook.webhook;
  if (patch === undefined) return false;
  const operations = readPatch(name, patch);
  if (operations.length === 0) return false;
  const { object } = await inVersion(versioned, { kind });
  if (object === undefined) {
    const why = `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`;
    throw internalError(new Error(why));
  }
  if (patchType !== 'JSONPatch') {
    throw new CallingWebhookError(name, `unsupported patch type ${JSON.stringify(patchType)}`);
  }
  const definition = versioned.definitionOf(kind);
  const next = applied(() => {
    const patched = applyJsonPatch(object, operations);
    return definition === undefined ? patched : withDefaults(toObject(patched, definition).object, definition);
  });
  versioned.replace(next);
  return !isSame(object, next);
}

function recallAll({ called, recalled }: Rounds): void {
  for (const id of called) recalled.add(id);
  called.clear();
}

async function inVersion(versioned: VersionedObject, { kind }: Pick<Invocation, 'kind'>): Promise<VersionedPair> {
  try {
    return await versioned.shownIn(kind);
  } catch (error) {
    throw internalError(error);
  }
}

function readPatch(webhook: string, patch: Buffer): readonly unknown[] {
  const undecodable = (why: string): CallingWebhookError =>
    new CallingWebhookError(webhook, `received undecodable patch in webhook response: ${why}`);
  let value: unknown;
  try {
    ({ value } = parseJson(patch));
  } catch (error) {
    throw undecodable(error instanceof Error ? error.message : String(error));
  }
  if (value === null) return [];
  if (!Array.isArray(value)) {
    const found = typeof value === 'boolean' ? 'bool' : typeof value;
    throw undecodable(`json: cannot unmarshal ${found} into Go value of type jsonpatch.Patch`);
  }
  return value;
}

/** A patch that does not fit is the server's own fault, to upstream. */
function applied(run: () => AnyObject): AnyObject {
  try {
    return run();
  } catch (error) {
    throw internalError(error instanceof StatusError && error.cause instanceof Error ? error.cause : error);
  }
}
