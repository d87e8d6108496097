import type { Client } from '../../client/client.ts';
import type { Pod } from '../../generated/api/core/v1.ts';
import type { Eviction, PodDisruptionBudget } from '../../generated/api/policy/v1.ts';
import { poddisruptionbudgets } from '../../generated/resource-types.ts';
import { badRequest, conflict, forbidden, isConflict, StatusError } from '../../machinery/errors/status-error.ts';
import type { AnyObject, ObjectKey } from '../../machinery/object/object.ts';
import { matchesLabels, parseSelectorObject } from '../../machinery/values/selector-object.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { ObjectReader } from '../object-reader.ts';
import { cloneJson } from '../registry/clone-json.ts';
import type { DeletionWish } from '../registry/deletion.ts';
import type { ResourceStore } from '../registry/store.ts';
import { readDeleteBody } from '../verbs/delete-options.ts';
import { withCondition } from './binding.ts';
import { type Creater, type CreaterRequest, namespacedKey, success } from './creater.ts';

export interface EvictionDeps {
  readonly pods: ResourceStore;
  readonly reader: ObjectReader;
  /** The server's own: budgets are written under its name. */
  readonly client: Client;
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
      const wish = { ...options, dryRun: options.dryRun || request.dryRun };
      await request.validate(object);
      const guarded = await evictUnguarded(deps, request, wish);
      if (guarded !== undefined) await evictGuarded(deps, request, wish, guarded);
      return { object: success };
    },
  };
}

type EvictionWish = DeletionWish & { readonly dryRun: boolean };

/**
 * Deletes a pod that is over, on its way out or not running yet: budgets do not count those.
 * @returns the pod where a budget may guard it.
 */
async function evictUnguarded(
  deps: EvictionDeps,
  request: CreaterRequest,
  wish: EvictionWish,
): Promise<(Pod & AnyObject) | undefined> {
  const key = namespacedKey(request);
  for (let attempt = 1; ; attempt++) {
    const pod = (await deps.pods.get(key)).object as unknown as Pod & AnyObject;
    const settled = isOver(pod) || pod.metadata.deletionTimestamp !== undefined;
    if (!settled && pod.status?.phase !== 'Pending') return pod;
    const resourceVersion = wish.resourceVersion ?? (settled ? undefined : pod.metadata.resourceVersion);
    try {
      await remove(deps, request, key, { ...wish, resourceVersion });
      return undefined;
    } catch (error) {
      // Looking again helps where the pod has changed, not where it is another one or the client named a revision.
      const isOther = Boolean(wish.uid) && wish.uid !== pod.metadata.uid;
      const isFinal = isOther || wish.resourceVersion !== undefined || attempt >= CONFLICT_ATTEMPTS;
      if (isFinal || !isConflict(error)) throw error;
    }
  }
}

/** Asks the pod's budget, if it has one. */
async function evictGuarded(
  deps: EvictionDeps,
  request: CreaterRequest,
  wish: EvictionWish,
  pod: Pod & AnyObject,
): Promise<void> {
  const key = namespacedKey(request);
  const budget = await findBudget(deps, pod);
  if (budget === undefined || !mayGoUnready(pod, budget)) {
    if (budget !== undefined) await spend(deps, budget, pod.metadata.name ?? '', wish);
    await remove(deps, request, key, wish);
    return;
  }
  try {
    // It goes for not being ready: only as it is now.
    await remove(deps, request, key, { ...wish, resourceVersion: pod.metadata.resourceVersion });
  } catch (error) {
    if (isConflict(error) && wish.resourceVersion === undefined) throw stillProcessed(budget.metadata?.name ?? '');
    throw error;
  }
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** @throws StatusError 500 where several budgets guard the pod. */
async function findBudget(deps: EvictionDeps, pod: Pod): Promise<PodDisruptionBudget | undefined> {
  const all = await deps.reader.list(poddisruptionbudgets, pod.metadata?.namespace ?? '');
  const matching = all.filter((item) => covers(item, pod));
  if (matching.length <= 1) return matching[0];
  const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
  throw new StatusError({ code: 500, reason: '', message });
}

function covers(budget: PodDisruptionBudget, pod: Pod): boolean {
  const selector = budget.spec?.selector;
  return selector !== undefined && matchesLabels(parseSelectorObject(selector), pod.metadata?.labels ?? {});
}

/** Whether a pod that is not ready takes nothing from its budget. */
function mayGoUnready(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  const ready = pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  if (ready) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

/** Takes one disruption from a budget. */
async function spend(
  deps: EvictionDeps,
  budget: PodDisruptionBudget,
  podName: string,
  wish: EvictionWish,
): Promise<void> {
  const { namespace = '', name = '' } = budget.metadata ?? {};
  let current = budget;
  for (let attempt = 1; ; attempt++) {
    const next = cloneJson(current as unknown as AnyObject) as unknown as PodDisruptionBudget;
    takeOne(next, podName, deps.clock.nowMs());
    if (wish.dryRun) return;
    try {
      await deps.client.update(poddisruptionbudgets, next, { subresource: 'status' });
      return;
    } catch (error) {
      if (!isConflict(error) || attempt >= CONFLICT_ATTEMPTS) throw error;
      current = await deps.client.get(poddisruptionbudgets, { namespace, name });
    }
  }
}

function takeOne(budget: PodDisruptionBudget, podName: string, nowMs: number): void {
  const status = budget.status;
  const name = budget.metadata?.name ?? '';
  const resource = { group: 'policy', resource: 'poddisruptionbudget' };
  if (status === undefined || (status.observedGeneration ?? 0) < (budget.metadata?.generation ?? 0)) {
    throw stillProcessed(name);
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
  status.conditions = withoutDisruptions(status, nowMs);
}

/** Source: `pkg/apis/policy/...` through component-helpers `policy/disruption` (UpdateDisruptionAllowedCondition). */
function withoutDisruptions(
  { conditions = [], observedGeneration }: NonNullable<PodDisruptionBudget['status']>,
  nowMs: number,
): NonNullable<NonNullable<PodDisruptionBudget['status']>['conditions']> {
  const type = 'DisruptionAllowed';
  const before = conditions.find((condition) => condition.type === type);
  const lastTransitionTime = before?.status === 'False' ? before.lastTransitionTime : toTimeText(nowMs);
  const next = {
    type,
    status: 'False',
    observedGeneration,
    lastTransitionTime,
    reason: 'InsufficientPods',
    message: '',
  };
  if (before === undefined) return [...conditions, next];
  return conditions.map((condition) => (condition === before ? next : condition));
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

function stillProcessed(name: string): StatusError {
  return tooMany(`The disruption budget ${name} is still being processed by the server.`, 10);
}

/** Marks the pod as a target of the disruption and deletes it. */
async function remove(deps: EvictionDeps, request: CreaterRequest, key: ObjectKey, wish: EvictionWish): Promise<void> {
  let { resourceVersion } = wish;
  if (!wish.dryRun) {
    const mark = (draft: AnyObject): void => {
      demandSame(draft, wish);
      const pod = draft as unknown as Pod;
      pod.status = {
        ...pod.status,
        conditions: withCondition(pod.status?.conditions ?? [], disruptionTarget, deps.clock.nowMs()),
      };
    };
    const marked = await deps.pods.modify(key, mark, { dryRun: false });
    if (resourceVersion !== undefined) resourceVersion = marked.object.metadata.resourceVersion;
  }
  const { userName, warn, signal } = request;
  await deps.pods.delete(key, { ...wish, resourceVersion, userName, warn, signal, validate: async () => {} });
}

const disruptionTarget = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'EvictionByEvictionAPI',
  message: 'Eviction API: evicting',
};

/** The client's preconditions, in the words of this subresource. */
function demandSame({ metadata }: AnyObject, { uid, resourceVersion }: EvictionWish): void {
  const { name = '' } = metadata;
  const refuse = (why: string): StatusError => conflict({ group: '', resource: 'Pod' }, name, why);
  if (uid && uid !== metadata.uid) {
    throw refuse(
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    throw refuse(
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
  }
}
