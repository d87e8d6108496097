import type { Client } from '../../client/client.ts';
import { type DiscoveredResource, discoverResources } from '../../client/discovery.ts';
import type { Namespace, Pod } from '../../generated/api/core/v1.ts';
import { namespaces } from '../../generated/resource-types.ts';
import { codeOf, isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import { type KubeObject, keyOf } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { onChange } from '../../reconcile/sources.ts';
import type { Clock } from '../../std/clock.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import { type ContentReport, estimateGraceSeconds, planConditions } from './plan.ts';

/** Assumed time that finalizers take. Source: `namespaced_resources_deleter.go` (finalizerEstimateSeconds). */
const FINALIZER_SECONDS = 15;
const FINALIZER = 'kubernetes';
/** Other API servers of the cluster need this long to see the deletion and to refuse what is new. Source: `namespace_controller.go`. */
const DELETION_DELAY_MS = 5_000;

/** Empties namespaces that are being deleted, then lets them go. */
class NamespaceController implements Reconciler {
  readonly #client: Client;
  readonly #clock: Clock;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<Result> {
    const namespace = await this.#read(name);
    if (namespace?.metadata.deletionTimestamp === undefined) return done;
    if ((namespace.spec?.finalizers ?? []).length === 0) return done;
    const { report, waitSeconds } = await this.#deleteContent(namespace, signal);
    if (signal.aborted) return done;
    const current = await this.#writeStatus(namespace, report);
    if (waitSeconds > 0) {
      // Upstream waits half of the estimate; a look costs us little and users wait for it.
      return { requeueAfterMs: Math.min(2000, (waitSeconds * 1000) / 2) };
    }
    const failure = report.discoveryError ?? report.deletionErrors[0];
    if (failure !== undefined) throw new Error(failure);
    await this.#finalize(current);
    return done;
  }

  async #read(name: string): Promise<Namespace | undefined> {
    try {
      return await this.#client.get(namespaces, { name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #deleteContent(
    namespace: Namespace,
    signal: AbortSignal,
  ): Promise<{ report: ContentReport; waitSeconds: number }> {
    const { resources, failures } = await discoverResources(this.#client);
    const remaining = new Map<string, number>();
    const finalizers = new Map<string, number>();
    const deletionErrors: string[] = [];
    let waitSeconds = 0;
    const empty = async (resource: DiscoveredResource): Promise<void> => {
      try {
        const left = await this.#deleteAll(namespace, resource);
        waitSeconds = Math.max(waitSeconds, left.waitSeconds);
        if (left.items.length > 0) remaining.set(`${resource.plural}.${resource.group}`, left.items.length);
        if (left.failure !== undefined) deletionErrors.push(left.failure);
        for (const item of left.items) {
          for (const finalizer of item.metadata.finalizers ?? []) {
            finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
          }
        }
      } catch (error) {
        deletionErrors.push(error instanceof Error ? error.message : String(error));
      }
    };
    const deletable = resources.filter((resource) => resource.namespaced && resource.verbs.includes('delete'));
    const isPods = (resource: DiscoveredResource): boolean => resource.group === '' && resource.plural === 'pods';
    // Pods first and alone: while one runs, its policies, secrets and quotas must hold.
    for (const resource of deletable.filter(isPods)) await empty(resource);
    const podsRemain = remaining.size > 0;
    if (!podsRemain) {
      for (const resource of deletable) {
        if (signal.aborted) break;
        if (!isPods(resource)) await empty(resource);
      }
    }
    const texts = Array.from(
      failures,
      ([group, error]) => `${group}: ${error instanceof Error ? error.message : error}`,
    );
    const discoveryError =
      texts.length === 0
        ? undefined
        : `Discovery failed for some groups, ${texts.length} failing: unable to retrieve the complete list of server APIs: ${texts.join(', ')}`;
    // As upstream: while pods remain, nothing else was looked at, and what remains is not told.
    const totals = podsRemain ? { remaining: new Map(), finalizers: new Map() } : { remaining, finalizers };
    return { report: { discoveryError, deletionErrors, ...totals }, waitSeconds };
  }

  /** Deletes all objects of a resource and says what is left and for how long it is worth waiting. */
  async #deleteAll(
    namespace: Namespace,
    resource: DiscoveredResource,
  ): Promise<{ items: readonly KubeObject[]; waitSeconds: number; failure?: string }> {
    const name = namespace.metadata.name ?? '';
    const before = await this.#list(resource, name);
    if (before.length === 0) return { items: [], waitSeconds: 0 };
    const isPods = resource.group === '' && resource.plural === 'pods';
    const grace = isPods ? estimateGraceSeconds(namespace, before as Pod[], this.#clock.nowMs()) : 0;
    if (resource.verbs.includes('deletecollection')) {
      await this.#client.deleteCollection(resource, { namespace: name, propagationPolicy: 'Background' });
    } else {
      for (const item of before) await this.#deleteOne(resource, item);
    }
    const items = await this.#list(resource, name);
    if (items.length === 0) return { items, waitSeconds: 0 };
    if (grace > 0) return { items, waitSeconds: grace };
    if (items.some((item) => (item.metadata.finalizers ?? []).length > 0)) {
      return { items, waitSeconds: FINALIZER_SECONDS };
    }
    const { group, version, plural } = resource;
    const gvr = `${group}/${version}, Resource=${plural}`;
    return {
      items,
      waitSeconds: 0,
      failure: `unexpected items still remain in namespace: ${name} for gvr: ${gvr}`,
    };
  }

  async #deleteOne(resource: DiscoveredResource, item: KubeObject): Promise<void> {
    try {
      await this.#client.delete(resource, keyOf(item), { propagationPolicy: 'Background' });
    } catch (error) {
      if (!isNotFound(error) && codeOf(error) !== 405) throw error;
    }
  }

  async #list(resource: DiscoveredResource, namespace: string): Promise<readonly KubeObject[]> {
    if (!resource.verbs.includes('list')) return [];
    try {
      return (await this.#client.list(resource, { namespace })).items;
    } catch (error) {
      // The resource went with its definition: nothing of it is left.
      if (isNotFound(error) || codeOf(error) === 405) return [];
      throw error;
    }
  }

  async #writeStatus(namespace: Namespace, report: ContentReport): Promise<Namespace> {
    const conditions = planConditions(namespace, report, this.#clock.nowMs());
    if (conditions === undefined && namespace.status?.phase === 'Terminating') return namespace;
    const status = { ...namespace.status, phase: 'Terminating', ...(conditions === undefined ? {} : { conditions }) };
    try {
      return await this.#client.update(namespaces, { ...namespace, status }, { subresource: 'status' });
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return namespace;
      throw error;
    }
  }

  async #finalize(namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
    const next = { ...namespace, spec: { ...namespace.spec, finalizers } };
    try {
      await this.#client.update(namespaces, next, { subresource: 'finalize' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

export function runNamespaceController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics, config } = deps;
  const reconciler = new NamespaceController(clientFor(controllerUser('namespace-controller')), clock);
  const source = onChange(informers.for(namespaces), ({ type, object, previous }) => {
    if (type === 'deleted' || object.metadata.deletionTimestamp === undefined) return [];
    // Our own status updates come back as changes; while content ends, the requeue decides when to look again.
    const deletionIsOld = previous?.metadata.deletionTimestamp !== undefined;
    const finalizersOf = (each: Namespace): number => each.spec?.finalizers?.length ?? 0;
    if (deletionIsOld && finalizersOf(previous) === finalizersOf(object)) return [];
    return [[object.metadata.name ?? '', config.namespaceDeletionDelayMs ?? DELETION_DELAY_MS]];
  });
  const backoff = { firstMs: 100, maxMs: 60_000 };
  return runController(
    { name: 'namespace', reconciler, sources: [source], workers: 5, clock, logger, metrics, backoff },
    signal,
  );
}
