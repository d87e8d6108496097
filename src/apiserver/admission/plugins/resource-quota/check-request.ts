import type { ResourceQuota } from '../../../../generated/api/core/v1.ts';
import type { KubeObject } from '../../../../machinery/object/object.ts';
import {
  type Amounts,
  addAmounts,
  exceeded,
  fromAmounts,
  growth,
  only,
  toAmounts,
  withoutZeros,
} from '../../../../resources/quota/amounts.ts';
import { type Evaluator, isInScopes } from '../../../../resources/quota/evaluator.ts';
import { type AdmissionAttempt, refused } from '../../admission.ts';

/** A quota, and what would be used of it once all that was let through is stored. */
export interface QuotaState {
  readonly quota: ResourceQuota;
  readonly used: Amounts;
}

export function stateOf(quota: ResourceQuota): QuotaState {
  return { quota, used: toAmounts(quota.status?.used) };
}

/**
 * What the quotas of a namespace are like if a request goes through; the same states where it takes nothing of them.
 * @throws StatusError 403 where one of them is exceeded, cannot be told, or asks for amounts that the object leaves out.
 * Source: apiserver `pkg/admission/plugin/resourcequota/controller.go` (CheckRequest).
 */
export function checkRequest(
  states: readonly QuotaState[],
  attempt: AdmissionAttempt,
  evaluator: Evaluator,
  nowMs: number,
): readonly QuotaState[] {
  const object = attempt.object as KubeObject;
  const concerned = states.filter(({ quota }) => isConcerned(quota, evaluator, object));
  for (const state of concerned) requireCountable(state, attempt, evaluator);
  const usage = evaluator.usage(object, nowMs);
  const negative = [...usage].filter(([, amount]) => amount.nano < 0n).map(([name]) => name);
  if (negative.length > 0) throw refused(attempt, `quota usage is negative for resource(s): ${negative.sort()}`);
  const { previous } = attempt;
  const before = attempt.operation === 'UPDATE' && previous !== undefined ? previous : undefined;
  const increase = before === undefined ? usage : growth(usage, evaluator.usage(before, nowMs));
  let changed = false;
  const next = states.map((state) => {
    if (!concerned.includes(state)) return state;
    // An object that comes under a quota by a change counts for it as a whole.
    const wasConcerned = before !== undefined && isConcerned(state.quota, evaluator, before);
    const after = reserve(state, withoutZeros(wasConcerned ? increase : usage), attempt);
    changed ||= after !== state;
    return after;
  });
  return changed ? next : states;
}

function hardOf({ status }: ResourceQuota): readonly string[] {
  return Object.keys(status?.hard ?? {});
}

function isConcerned(quota: ResourceQuota, evaluator: Evaluator, object: KubeObject): boolean {
  return hardOf(quota).some((name) => evaluator.counts(name)) && isInScopes(evaluator, quota, object);
}

function requireCountable({ quota, used }: QuotaState, attempt: AdmissionAttempt, evaluator: Evaluator): void {
  const names = hardOf(quota).filter((name) => evaluator.counts(name));
  const title = quota.metadata?.name ?? '';
  const fault = evaluator.faultOf?.(attempt.object as KubeObject, names);
  if (fault !== undefined) throw refused(attempt, `failed quota: ${title}: ${fault}`);
  if (names.every((name) => used.has(name))) return;
  throw refused(attempt, `status unknown for quota: ${title}, resources: ${names.sort()}`);
}

function reserve(state: QuotaState, increase: Amounts, attempt: AdmissionAttempt): QuotaState {
  const hard = toAmounts(state.quota.status?.hard);
  const wanted = only(increase, hard.keys());
  if (wanted.size === 0) return state;
  const used = addAmounts(state.used, wanted);
  // What a status tells has happened already.
  const tooMuch = attempt.subresource === 'status' ? [] : exceeded(only(used, wanted.keys()), hard);
  if (tooMuch.length === 0) return { quota: state.quota, used };
  const show = (amounts: Amounts): string => toText(only(amounts, tooMuch));
  const what = `requested: ${show(wanted)}, used: ${show(state.used)}, limited: ${show(hard)}`;
  throw refused(attempt, `exceeded quota: ${state.quota.metadata?.name ?? ''}, ${what}`);
}

function toText(amounts: Amounts): string {
  const texts = fromAmounts(amounts);
  const names = Object.keys(texts).sort();
  return names.map((name) => `${name}=${texts[name]}`).join(',');
}

/** Whether the two states have the same amounts used. */
export function isUnchanged(a: QuotaState, b: QuotaState): boolean {
  if (a.used === b.used) return true;
  if (a.used.size !== b.used.size) return false;
  return [...a.used].every(([name, amount]) => b.used.get(name)?.compare(amount) === 0);
}

/** The quota as it is to be stored. */
export function withUsed({ quota, used }: QuotaState): ResourceQuota {
  return { ...quota, status: { ...quota.status, used: fromAmounts(used) } };
}
