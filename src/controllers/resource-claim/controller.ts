import type { Client } from '../../client/client.ts';
import { type EventRecorder, referenceTo } from '../../client/events.ts';
import type { Informer } from '../../client/informer.ts';
import type { Pod, PodResourceClaim } from '../../generated/api/core/v1.ts';
import type {
  ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimTemplate,
} from '../../generated/api/resource/v1.ts';
import { pods, resourceclaims, resourceclaimtemplates } from '../../generated/resource-types.ts';
import { isNotFound } from '../../machinery/errors/status-error.ts';
import { controllerOf, keyOf, type ResourceType, toKeyText } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange, untilSynced } from '../../reconcile/sources.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { isPodTerminating } from '../pods/pod-state.ts';
import { claimFor, claimNameOf, FINALIZER, isMadeFor, isPodDone, planClaim, planReservation } from './plan.ts';

const FIELD_MANAGER = 'ResourceClaimController';

interface Deps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly pods: Informer<Pod>;
  readonly claims: Informer<ResourceClaim>;
  readonly templates: Informer<ResourceClaimTemplate>;
}

/** Makes the claims that pods ask for by templates, and reserves claims for pods that were bound without a scheduler. */
class PodClaims implements Reconciler {
  readonly #deps: Deps;
  /** Claims that were made and that the cache may not show yet, by the pod's uid and its entry. */
  readonly #made = new Map<string, ResourceClaim>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { client, recorder, pods: podInformer } = this.#deps;
    const pod = podInformer.get(key);
    if (pod === undefined || isPodTerminating(pod) || isPodDone(pod)) return done;
    const fresh = new Map<string, string>();
    for (const entry of pod.spec.resourceClaims ?? []) {
      try {
        const claim = await this.#ensure(pod, entry);
        if (claim !== undefined) fresh.set(entry.name, claim.metadata.name ?? '');
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        const message = `PodResourceClaim ${entry.name}: ${text}`;
        recorder.event(referenceTo(pods, pod), 'Warning', 'FailedResourceClaimCreation', message);
        throw error;
      }
    }
    if (fresh.size > 0) {
      const resourceClaimStatuses = Array.from(fresh, ([name, resourceClaimName]) => ({ name, resourceClaimName }));
      const { namespace, name } = pod.metadata;
      const body = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name }, status: { resourceClaimStatuses } };
      const options = { type: 'apply', subresource: 'status', fieldManager: FIELD_MANAGER, force: true } as const;
      await client.patch(pods, keyOf(pod), body, options);
    }
    for (const entry of pod.spec.resourceClaims ?? []) this.#made.delete(`${pod.metadata.uid}|${entry.name}`);
    if (pod.spec.nodeName) await this.#reserve(pod);
    return done;
  }

  /** The claim that was made, or found to have been; undefined where the pod knows of it already or needs none. */
  async #ensure(pod: Pod, entry: PodResourceClaim): Promise<ResourceClaim | undefined> {
    const { client, claims, templates } = this.#deps;
    const { namespace, uid } = pod.metadata;
    const known = claimNameOf(pod, entry);
    if (known.step === 'none') return undefined;
    if (known.step === 'known') {
      const claim = await this.#find(namespace, known.name);
      if (claim !== undefined && (!known.generated || isMadeFor(pod, claim))) return undefined;
    }
    if (entry.resourceClaimTemplateName === undefined) return undefined;
    const memo = `${uid}|${entry.name}`;
    const orphan = this.#made.get(memo) ?? claims.list(namespace).find((claim) => isMadeFor(pod, claim, entry));
    if (orphan !== undefined) return orphan;
    const template = templates.get(`${namespace}/${entry.resourceClaimTemplateName}`);
    if (template === undefined) {
      const name = JSON.stringify(entry.resourceClaimTemplateName);
      throw new Error(`resource claim template ${name}: resourceclaimtemplate.resource.k8s.io ${name} not found`);
    }
    const claim = await client.create(resourceclaims, claimFor(pod, entry, template)).catch((cause: Error) => {
      throw new Error(`create ResourceClaim : ${cause.message}`, { cause });
    });
    this.#made.set(memo, claim);
    return claim;
  }

  /** From the cache, else from the server: one that was just made may not be seen yet, and would be made twice. */
  async #find(namespace: string | undefined, name: string): Promise<ResourceClaim | undefined> {
    const { client, claims } = this.#deps;
    return claims.get(`${namespace}/${name}`) ?? (await found(client, resourceclaims, { namespace, name }));
  }

  async #reserve(pod: Pod): Promise<void> {
    const { client, claims } = this.#deps;
    for (const entry of pod.spec.resourceClaims ?? []) {
      const known = claimNameOf(pod, entry);
      if (known.step === 'unknown') throw new Error(`the claim of ${entry.name} is not known yet`);
      if (known.step === 'none') continue;
      const claim = claims.get(`${pod.metadata.namespace}/${known.name}`);
      if (claim === undefined) return;
      const reservedFor = planReservation(pod, claim);
      if (reservedFor === undefined) continue;
      await client.update(
        resourceclaims,
        { ...claim, status: { ...claim.status, reservedFor } },
        { subresource: 'status' },
      );
    }
  }
}

/** Takes consumers that are gone off claims, and ends what nobody uses any more. */
class ClaimUsers implements Reconciler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(key: string): Promise<Result> {
    const { client, claims, pods: podInformer } = this.#deps;
    const claim = claims.get(key);
    if (claim === undefined) return done;
    const { namespace } = claim.metadata;
    const remaining: ResourceClaimConsumerReference[] = [];
    for (const consumer of claim.status?.reservedFor ?? []) {
      if (await this.#isThere(namespace, consumer)) remaining.push(consumer);
    }
    const plan = planClaim(claim, remaining);
    let current = claim;
    if (plan.status !== undefined) {
      current = await client.update(resourceclaims, { ...claim, status: plan.status }, { subresource: 'status' });
    }
    if (plan.dropFinalizer) {
      const finalizers = (current.metadata.finalizers ?? []).filter((each) => each !== FINALIZER);
      await client.update(resourceclaims, { ...current, metadata: { ...current.metadata, finalizers } });
    }
    const owner = controllerOf(claim);
    if (remaining.length > 0 || owner?.kind !== 'Pod' || claim.metadata.deletionTimestamp !== undefined) return done;
    const pod = podInformer.get(`${namespace}/${owner.name}`);
    // The collector takes it with the pod, but an ended pod may stay for long.
    if (pod === undefined || (pod.metadata.uid === owner.uid && !isPodDone(pod))) return done;
    await client.delete(resourceclaims, keyOf(claim)).catch(ignoreNotFound);
    return done;
  }

  async #isThere(namespace: string | undefined, consumer: ResourceClaimConsumerReference): Promise<boolean> {
    const { client, pods: podInformer } = this.#deps;
    if (consumer.apiGroup || consumer.resource !== 'pods') return true;
    const { name, uid } = consumer;
    const pod = podInformer.get(`${namespace}/${name}`) ?? (await found(client, pods, { namespace, name }));
    return pod?.metadata.uid === uid && !isPodDone(pod);
  }
}

async function found<T extends Pod | ResourceClaim>(
  client: Client,
  type: ResourceType<T>,
  key: { readonly namespace: string | undefined; readonly name: string },
): Promise<T | undefined> {
  return await client.get(type, key).catch((error: unknown) => {
    ignoreNotFound(error);
    return undefined;
  });
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

/** Source: `pkg/controller/resourceclaim/controller.go`. */
export async function runResourceClaimController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('resource-claim-controller'));
  const podInformer = informers.for(pods);
  const claims = informers.for(resourceclaims);
  const templates = informers.for(resourceclaimtemplates);
  const recorder = deps.events('resource_claim', client);
  const all: Deps = { client, recorder, pods: podInformer, claims, templates };
  const uses = (pod: Pod): boolean => (pod.spec.resourceClaims?.length ?? 0) > 0;
  const podSources = [
    onChange(podInformer, ({ type, object }) => (type !== 'deleted' && uses(object) ? [toKeyText(keyOf(object))] : [])),
    onChange(templates, ({ type, object: { metadata } }) => {
      if (type === 'deleted') return [];
      const waits = (pod: Pod): boolean =>
        pod.spec.resourceClaims?.some((entry) => entry.resourceClaimTemplateName === metadata.name) ?? false;
      return podInformer
        .list(metadata.namespace)
        .filter(waits)
        .map((pod) => toKeyText(keyOf(pod)));
    }),
    // One that was deleted is made again; one that was allocated may be reserved.
    onChange(claims, ({ object: { metadata } }) =>
      podInformer
        .list(metadata.namespace)
        .filter((pod) =>
          pod.spec.resourceClaims?.some((entry) => {
            const known = claimNameOf(pod, entry);
            return known.step === 'known' && known.name === metadata.name;
          }),
        )
        .map((pod) => toKeyText(keyOf(pod))),
    ),
  ];
  const claimSources = [
    onChange(claims),
    onChange(podInformer, ({ type, object: pod }) => {
      // The scheduler makes one more claim for resources that devices stand for.
      const { resourceClaimName } = pod.status?.extendedResourceClaimStatus ?? {};
      if ((!uses(pod) && resourceClaimName === undefined) || (type !== 'deleted' && !isPodDone(pod))) return [];
      const names = (pod.spec.resourceClaims ?? []).map((entry) => claimNameOf(pod, entry));
      const known = names.flatMap((each) => (each.step === 'known' ? [each.name] : []));
      if (resourceClaimName !== undefined) known.push(resourceClaimName);
      return known.map((name) => `${pod.metadata.namespace}/${name}`);
    }),
    untilSynced(podInformer),
  ];
  const loop = { clock, logger, metrics };
  await Promise.all([
    runController(
      { ...loop, name: 'resource-claim-pods', reconciler: new PodClaims(all), sources: podSources },
      signal,
    ),
    runController({ ...loop, name: 'resource-claims', reconciler: new ClaimUsers(all), sources: claimSources }, signal),
  ]);
}
