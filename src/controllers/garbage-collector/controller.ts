import type { Client } from '../../client/client.ts';
import type { DiscoveredResource } from '../../client/discovery.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { OwnerReference } from '../../generated/api/meta/v1.ts';
import { apiservices, customresourcedefinitions } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ObjectKey } from '../../machinery/object/object.ts';
import { runController } from '../../reconcile/controller.ts';
import { done, type Reconciler, type Result } from '../../reconcile/reconciler.ts';
import { manualSource, onChange, type Source } from '../../reconcile/sources.ts';
import { runAll } from '../batches.ts';
import { isConditionTrue } from '../conditions.ts';
import { type ControllerDeps, controllerUser } from '../definition.ts';
import {
  blockingDependents,
  FOREGROUND,
  type GraphNode,
  hasFinalizer,
  type Identity,
  ORPHAN,
  OwnerGraph,
} from './graph.ts';
import { Monitors } from './monitors.ts';
import { type JudgedReference, planCollect } from './plan.ts';

interface Deps {
  readonly client: Client;
  readonly graph: OwnerGraph;
  readonly monitors: Monitors;
}

/** Deletes objects whose owners are gone, and ends foreground deletions. Keys are uids. */
class CollectReconciler implements Reconciler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(uid: string): Promise<Result> {
    const node = this.#deps.graph.get(uid);
    if (node === undefined) return done;
    if (node.beingDeleted && !node.deletingDependents) return done;
    const resource = this.#deps.monitors.resourceOf(node.identity.apiVersion, node.identity.kind);
    if (resource === undefined) {
      throw new Error(`no resource serves ${node.identity.apiVersion} ${node.identity.kind}`);
    }
    const latest = await read(this.#deps.client, resource, keyIn(resource, node.identity));
    if (latest === undefined || latest.metadata.uid !== uid) {
      this.#deps.graph.removeVirtually(node.identity);
      return done;
    }
    if (node.deletingDependents) await this.#endForeground(node, resource, latest);
    else await this.#collect(node, resource, latest);
    // It exists but no watch has shown it: until one does, its place is only what a dependent claims.
    if (node.virtual && this.#deps.monitors.isMonitored(resource)) throw new Error('the owner was not observed yet');
    return done;
  }

  async #collect(node: GraphNode, resource: DiscoveredResource, latest: KubeObject): Promise<void> {
    const { client } = this.#deps;
    const references = latest.metadata.ownerReferences ?? [];
    if (references.length === 0) return;
    const judged: JudgedReference[] = [];
    for (const reference of references) {
      const state = await this.#judge(reference, node);
      if (state === 'unanswerable') return;
      judged.push({ reference, state });
    }
    const someDeleteTheirs = [...node.dependents].some((dependent) => dependent.deletingDependents);
    const plan = planCollect(latest, judged, { count: node.dependents.size, someDeleteTheirs });
    if (plan.step === 'keep') return;
    const key = keyIn(resource, node.identity);
    if (plan.step === 'drop-references') {
      await changeReferences(client, resource, key, latest, (all) =>
        all.filter((reference) => !plan.uids.includes(reference.uid)),
      );
      return;
    }
    let resourceVersion = latest.metadata.resourceVersion;
    if (plan.unblock) {
      const unblocked = await changeReferences(client, resource, key, latest, (all) =>
        all.map((reference) => ({ ...reference, blockOwnerDeletion: false })),
      );
      resourceVersion = unblocked?.metadata.resourceVersion;
    }
    const preconditions = { uid: node.identity.uid, resourceVersion };
    try {
      await client.delete(resource, key, { propagationPolicy: plan.policy, preconditions });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#deps.graph.removeVirtually(node.identity);
    }
  }

  async #judge(reference: OwnerReference, node: GraphNode): Promise<JudgedReference['state'] | 'unanswerable'> {
    const { client, graph, monitors } = this.#deps;
    const { namespace } = node.identity;
    if (graph.isAbsent(reference, namespace)) return 'dangling';
    const resource = monitors.resourceOf(reference.apiVersion, reference.kind);
    // An unknown kind may only be down for now: deleting its dependents could not be undone.
    if (resource === undefined) throw new Error(`no resource serves ${reference.apiVersion} ${reference.kind}`);
    // A cluster-scoped object can't be owned from within a namespace: which one is not said.
    if (resource.namespaced && namespace === '') return 'unanswerable';
    const { apiVersion, kind, name, uid } = reference;
    const ownerNamespace = resource.namespaced ? namespace : '';
    const owner = await read(client, resource, { namespace: ownerNamespace || undefined, name });
    if (owner === undefined || owner.metadata.uid !== uid) {
      graph.markAbsent({ apiVersion, kind, name, uid, namespace: ownerNamespace });
      return 'dangling';
    }
    const waits = owner.metadata.deletionTimestamp !== undefined && hasFinalizer(owner, FOREGROUND);
    return waits ? 'waiting' : 'solid';
  }

  async #endForeground(node: GraphNode, resource: DiscoveredResource, latest: KubeObject): Promise<void> {
    const blocking = blockingDependents(node);
    if (blocking.length === 0) {
      await dropFinalizer(this.#deps.client, resource, latest, FOREGROUND);
      return;
    }
    for (const dependent of blocking) {
      if (!dependent.deletingDependents) this.#look(dependent.identity.uid);
    }
  }

  #look: (uid: string) => void = () => {};

  /** How further objects are queued. */
  onLook(look: (uid: string) => void): void {
    this.#look = look;
  }
}

/** Takes an owner's reference off its dependents, then lets it go. Keys are uids. */
class OrphanReconciler implements Reconciler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async reconcile(uid: string): Promise<Result> {
    const { client, graph, monitors } = this.#deps;
    const owner = graph.get(uid);
    if (owner === undefined) return done;
    await runAll(owner.dependents, async (dependent) => {
      const resource = monitors.resourceOf(dependent.identity.apiVersion, dependent.identity.kind);
      if (resource === undefined) return;
      const key = keyIn(resource, dependent.identity);
      const latest = await read(client, resource, key);
      if (latest === undefined || latest.metadata.uid !== dependent.identity.uid) return;
      await changeReferences(client, resource, key, latest, (all) => all.filter((each) => each.uid !== uid));
    });
    const resource = monitors.resourceOf(owner.identity.apiVersion, owner.identity.kind);
    if (resource === undefined) return done;
    const latest = await read(client, resource, keyIn(resource, owner.identity));
    if (latest !== undefined && latest.metadata.uid === uid) await dropFinalizer(client, resource, latest, ORPHAN);
    return done;
  }
}

function keyIn(resource: DiscoveredResource, identity: Identity): ObjectKey {
  const { namespace, name } = identity;
  return resource.namespaced && namespace !== '' ? { namespace, name } : { name };
}

async function read(client: Client, resource: DiscoveredResource, key: ObjectKey): Promise<KubeObject | undefined> {
  if (resource.namespaced && key.namespace === undefined) return undefined;
  try {
    return await client.get(resource, key);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Rewrites owner references; the resourceVersion guards them. A lost race throws, and the key is tried again. */
async function changeReferences(
  client: Client,
  resource: DiscoveredResource,
  key: ObjectKey,
  latest: KubeObject,
  change: (all: readonly OwnerReference[]) => OwnerReference[],
): Promise<KubeObject | undefined> {
  const { resourceVersion, uid, ownerReferences = [] } = latest.metadata;
  const next = change(ownerReferences);
  if (JSON.stringify(next) === JSON.stringify(ownerReferences)) return latest;
  const metadata = { resourceVersion, uid, ownerReferences: next };
  try {
    return await client.patch(resource, key, { metadata }, { type: 'merge' });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function dropFinalizer(
  client: Client,
  resource: DiscoveredResource,
  latest: KubeObject,
  finalizer: string,
): Promise<void> {
  let current: KubeObject | undefined = latest;
  for (let tries = 0; tries < 5 && current !== undefined; tries++) {
    const { resourceVersion, uid, finalizers = [], namespace, name = '' } = current.metadata;
    if (uid !== latest.metadata.uid || !finalizers.includes(finalizer)) return;
    const key = namespace ? { namespace, name } : { name };
    const metadata = { resourceVersion, finalizers: finalizers.filter((each) => each !== finalizer) };
    try {
      await client.patch(resource, key, { metadata }, { type: 'merge' });
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isConflict(error)) throw error;
      current = await read(client, resource, key);
    }
  }
}

export async function runGarbageCollector(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const { clientFor, informers, clock, logger, metrics } = deps;
  const client = clientFor(controllerUser('generic-garbage-collector'));
  const recorder: EventRecorder = deps.events('garbage-collector-controller', client);
  const collectSource = manualSource();
  const orphanSource = manualSource();
  const graph = new OwnerGraph({
    delete: (uid) => collectSource.enqueue(uid),
    deleteLater: (uid) => collectSource.enqueue(uid, 5),
    orphan: (uid) => orphanSource.enqueue(uid),
    invalidOwner: ({ identity, owners }, uid) => {
      const { apiVersion, kind, namespace, name } = identity;
      const owner = owners.find((each) => each.uid === uid);
      const text = `[${owner?.apiVersion}/${owner?.kind}, namespace: ${namespace}, name: ${owner?.name}, uid: ${uid}]`;
      const message = `ownerRef ${text} does not exist in namespace "${namespace}"`;
      const about = { apiVersion, kind, namespace, name, uid: identity.uid };
      recorder.event(about, 'Warning', 'OwnerRefInvalidNamespace', message);
    },
  });
  const monitors = new Monitors({ client, informers, graph, logger });
  const collect = new CollectReconciler({ client, graph, monitors });
  collect.onLook((uid) => collectSource.enqueue(uid));

  const discovery: Reconciler = {
    async reconcile() {
      await monitors.sync();
      return done;
    },
  };
  const resync: Source = {
    synced: Promise.resolve(),
    start(enqueue) {
      enqueue('all');
      return () => {};
    },
  };
  const definitions = onChange(informers.for(customresourcedefinitions), ({ object, previous }) =>
    isConditionTrue(object.status?.conditions, 'Established') ===
      isConditionTrue(previous?.status?.conditions, 'Established') && previous !== undefined
      ? []
      : // The server needs a moment to serve what it has accepted.
        [['all', 200]],
  );
  const services = onChange(informers.for(apiservices), ({ object, previous }) =>
    previous === undefined && object.spec?.service === undefined ? [] : [['all', 200]],
  );
  // Nothing is collected before everything was seen once: a missing owner must be missing, not late.
  const ready = (async () => {
    await Promise.all([informers.for(customresourcedefinitions).synced]);
    await monitors.sync().catch((error: unknown) => logger.debug('discovery is incomplete', { error }));
    await monitors.synced();
  })();
  const source = (each: Source): Source => ({ ...each, synced: ready });
  const loop = { clock, logger, metrics };
  await Promise.all([
    runController(
      {
        ...loop,
        name: 'gc-discovery',
        reconciler: discovery,
        sources: [resync, definitions, services],
        backoff: { firstMs: 1000, maxMs: 30_000 },
      },
      signal,
    ),
    runController(
      { ...loop, name: 'gc-delete', reconciler: collect, sources: [source(collectSource)], workers: 20 },
      signal,
    ),
    runController(
      {
        ...loop,
        name: 'gc-orphan',
        reconciler: new OrphanReconciler({ client, graph, monitors }),
        sources: [source(orphanSource)],
        workers: 20,
      },
      signal,
    ),
  ]);
  monitors.close();
}
