import type { Pod } from '../../generated/api/core/v1.ts';
import type { Eviction, PodDisruptionBudget } from '../../generated/api/policy/v1.ts';
import { poddisruptionbudgets } from '../../generated/resource-types.ts';
import {
  badRequest,
  conflict,
  forbidden,
  isConflict,
  notFound,
  StatusError,
} from '../../machinery/errors/status-error.ts';
import type { AnyObject, ObjectKey } from '../../machinery/object/object.ts';
import { matchesLabels, parseSelectorObject } from '../../machinery/values/selector-object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { ObjectReader } from '../object-reader.ts';
import { cloneJson } from '../registry/clone-json.ts';
import type { DeletionWish } from '../registry/deletion.ts';
import type { ResourceStore } from '../registry/store.ts';
import { statusRules } from '../registry/update-rules.ts';
import { readDeleteBody } from '../verbs/delete-options.ts';
import { withCondition } from './binding.ts';
import { type Creater, type CreaterRequest, namespacedKey, success } from './creater.ts';

export interface EvictionDeps {
  readonly pods: ResourceStore;
  readonly budgets: ResourceStore;
  readonly reader: ObjectReader;
  readonly clock: Clock;
}

const MAX_DISRUPTED_PODS = 2000;
const CONFLICT_ATTEMPTS = 20;

/** Deletes a pod where its disruption budget allows it. Source: `pkg/registry/core/pod/storage/eviction.go`. */
export function evictionCreater(deps: EvictionDeps): Creater {
  return {
    async create(object, request) {
      const eviction = object as unknown as Eviction;
      if (request.key.name !== object.metadata.name) {
        throw badRequest('name in URL does not match name in Eviction object');
      }
      const options = readDeleteBody(eviction.deleteOptions ?? {});
      const dryRun = options.dryRun || request.dryRun;
      await request.validate(object);
      const wish = { ...options, dryRun };
      await retryConflicts(wish.resourceVersion === undefined, () => evict(deps, request, wish));
      return { object: success };
    },
  };
}

type EvictionWish = DeletionWish & { readonly dryRun: boolean };

async function retryConflicts(mayRetry: boolean, run: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof EvictionRace) || !mayRetry || attempt >= CONFLICT_ATTEMPTS) {
        throw error instanceof EvictionRace ? error.cause : error;
      }
    }
  }
}

/** A conflict that looking again may solve, in contrast to one with the client's own precondition. */
class EvictionRace extends Error {}

async function evict(deps: EvictionDeps, request: CreaterRequest, wish: EvictionWish): Promise<void> {
  const key = namespacedKey(request);
  const pod = (await deps.pods.get(key)).object as unknown as Pod & AnyObject;
  checkUid(pod, wish);
  const revision = pod.metadata.resourceVersion;
  if (needsNoBudget(pod)) {
    const settled = isOver(pod) || pod.metadata.deletionTimestamp !== undefined;
    await remove(deps, request, key, {
      ...wish,
      resourceVersion: wish.resourceVersion ?? (settled ? undefined : revision),
    });
    return;
  }
  const guard = await askBudget(deps, pod, wish);
  await remove(deps, request, key, {
    ...wish,
    resourceVersion: wish.resourceVersion ?? (guard ? revision : undefined),
  });
}

function checkUid(pod: AnyObject, wish: EvictionWish): void {
  const { uid, name = '' } = pod.metadata;
  if (!wish.uid || wish.uid === uid) return;
  const why = `the UID in the precondition (${wish.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
  throw conflict({ group: '', resource: 'Pod' }, name, why);
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function needsNoBudget(pod: Pod): boolean {
  return isOver(pod) || pod.status?.phase === 'Pending' || pod.metadata?.deletionTimestamp !== undefined;
}

/**
 * Takes one disruption from the pod's budget, if it has one.
 * @returns whether the pod may go only as it is now, because it goes for not being ready.
 */
async function askBudget(deps: EvictionDeps, pod: Pod, wish: EvictionWish): Promise<boolean> {
  const namespace = pod.metadata?.namespace ?? '';
  const all = await deps.reader.list(poddisruptionbudgets, namespace);
  const matching = all.filter((item) => covers(item, pod));
  if (matching.length > 1) {
    const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new StatusError({ code: 500, reason: '', message });
  }
  const budget = matching[0];
  if (budget === undefined) return false;
  const ready = pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  if (!ready) {
    if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
    const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
    if (currentHealthy >= desiredHealthy && desiredHealthy > 0) return true;
  }
  await spend(deps, { namespace, name: budget.metadata?.name ?? '' }, pod.metadata?.name ?? '', wish);
  return false;
}

function covers(budget: PodDisruptionBudget, pod: Pod): boolean {
  const selector = budget.spec?.selector;
  return selector !== undefined && matchesLabels(parseSelectorObject(selector), pod.metadata?.labels ?? {});
}

async function spend(deps: EvictionDeps, key: ObjectKey, podName: string, wish: EvictionWish): Promise<void> {
  const nowMs = deps.clock.nowMs();
  await deps.budgets.update(key, {
    userName: 'system:apiserver',
    dryRun: wish.dryRun,
    warn: () => {},
    createsMissing: false,
    rules: statusRules(deps.budgets.definition),
    async transform(previous) {
      if (previous === undefined) throw notFound({ group: 'policy', resource: 'poddisruptionbudgets' }, key.name);
      const next = cloneJson(previous);
      takeOne(next as unknown as PodDisruptionBudget, podName, nowMs);
      return next;
    },
    validate: async () => {},
    validateCreate: async () => {},
  });
}

function takeOne(budget: PodDisruptionBudget, podName: string, nowMs: number): void {
  const status = budget.status;
  const name = budget.metadata?.name ?? '';
  const resource = { group: 'policy', resource: 'poddisruptionbudget' };
  if (status === undefined || (status.observedGeneration ?? 0) < (budget.metadata?.generation ?? 0)) {
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  const allowed = status.disruptionsAllowed ?? 0;
  if (allowed < 0) throw forbidden(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_DISRUPTED_PODS) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(resource, name, why);
  }
  if (allowed === 0) throw tooMany(whyNot(budget), 0);
  status.disruptionsAllowed = allowed - 1;
  status.disruptedPods = { ...status.disruptedPods, [podName]: toTimeText(nowMs) };
  if (allowed > 1) return;
  status.conditions = (status.conditions ?? []).map((condition) =>
    condition.type === 'DisruptionAllowed'
      ? {
          ...condition,
          status: 'False',
          reason: 'InsufficientPods',
          lastTransitionTime: condition.status === 'False' ? condition.lastTransitionTime : toTimeText(nowMs),
        }
      : condition,
  );
}

function whyNot(budget: PodDisruptionBudget): string {
  const name = budget.metadata?.name ?? '';
  const { conditions = [], currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  const condition = conditions.find((item) => item.type === 'DisruptionAllowed' && item.status === 'False');
  const head = `The disruption budget ${name}`;
  if (condition?.message && condition.reason === 'SyncFailed') {
    return `${head} does not allow evicting pods currently because it failed sync: ${condition.message}`;
  }
  if (currentHealthy <= desiredHealthy) {
    return `${head} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  }
  if (condition?.message) {
    return `${head} does not allow evicting pods currently (${condition.reason}): ${condition.message}`;
  }
  return `${head} does not allow evicting pods currently`;
}

function tooMany(why: string, retryAfterSeconds: number): StatusError {
  return new StatusError({
    code: 429,
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [{ reason: 'DisruptionBudget', message: why }],
      ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    },
  });
}

/** Marks the pod as a target of the disruption and deletes it. */
async function remove(deps: EvictionDeps, request: CreaterRequest, key: ObjectKey, wish: EvictionWish): Promise<void> {
  let { resourceVersion } = wish;
  try {
    if (!wish.dryRun) {
      const mark = (draft: unknown): void => {
        const pod = draft as Pod;
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'EvictionByEvictionAPI',
          message: 'Eviction API: evicting',
        };
        pod.status = {
          ...pod.status,
          conditions: withCondition(pod.status?.conditions ?? [], condition, deps.clock.nowMs()),
        };
      };
      const marked = await deps.pods.modify(key, mark, { resourceVersion, dryRun: false });
      if (resourceVersion !== undefined) resourceVersion = marked.object.metadata.resourceVersion;
    }
    const { userName, warn, signal } = request;
    await deps.pods.delete(key, { ...wish, resourceVersion, userName, warn, signal, validate: async () => {} });
  } catch (error) {
    if (isConflict(error)) throw new EvictionRace('the pod changed meanwhile', { cause: error });
    throw error;
  }
}
