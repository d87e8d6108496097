import type { Client } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import type { CustomResourceDefinition } from '../../generated/api/apiextensions/v1.ts';
import { customresourcedefinitions } from '../../generated/resource-types.ts';
import { isConflict, isNotFound } from '../../machinery/errors/status-error.ts';
import type { KubeObject, ResourceType } from '../../machinery/object/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { isSame } from '../registry/equality.ts';
import {
  type CrdConditionType,
  findCondition,
  isConditionTrue,
  type WantedCondition,
  withCrdCondition,
} from './conditions.ts';
import { CLEANUP_FINALIZER } from './crd-hooks.ts';
import { planNames } from './naming.ts';
import { judgeQuality } from './quality-conditions.ts';

type Crd = CustomResourceDefinition & KubeObject;

export interface CrdControllerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes the definitions that exist now; those that are established are to be served. Called after each change. */
  publish(definitions: readonly CustomResourceDefinition[]): void;
}

const RETRY_MS = 1000;

/**
 * Follows CustomResourceDefinitions: accepts their names, says that they are established, has them served, and empties
 * them when they go.
 */
export class CrdController {
  readonly #deps: CrdControllerDeps;
  readonly #informer: Informer<Crd>;
  readonly #pending = new Set<string>();
  #running = false;

  constructor(deps: CrdControllerDeps) {
    this.#deps = deps;
    this.#informer = new Informer<Crd>({
      client: deps.client,
      type: customresourcedefinitions as ResourceType<Crd>,
      clock: deps.clock,
      logger: deps.logger,
    });
  }

  /** Resolves once all definitions that exist are published. */
  async start(signal: AbortSignal): Promise<void> {
    const changed = (crd: Crd): void => {
      this.#deps.publish(this.#informer.list());
      this.#enqueue(crd.metadata.name ?? '', signal);
    };
    this.#informer.addHandler({
      added: changed,
      updated: changed,
      deleted: () => {
        this.#deps.publish(this.#informer.list());
        // Names came free: others may have waited for them.
        for (const other of this.#informer.list()) this.#enqueue(other.metadata.name ?? '', signal);
      },
    });
    void this.#informer.run(signal);
    await this.#informer.synced;
  }

  /** Works on one definition after the other: names of one depend on those of the others. */
  #enqueue(name: string, signal: AbortSignal): void {
    this.#pending.add(name);
    if (this.#running) return;
    this.#running = true;
    void this.#work(signal).finally(() => {
      this.#running = false;
    });
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (const name of this.#pending) {
      this.#pending.delete(name);
      if (signal.aborted) return;
      try {
        await this.#reconcile(name, signal);
      } catch (error) {
        if (isNotFound(error) || signal.aborted) continue;
        if (!isConflict(error)) this.#deps.logger.warn('a custom resource definition has to wait', { name, error });
        this.#deps.clock.after(isConflict(error) ? 10 : RETRY_MS, () => this.#enqueue(name, signal));
      }
    }
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<void> {
    const crd = this.#informer.get(name);
    if (crd === undefined) return;
    if (crd.metadata.deletionTimestamp !== undefined) {
      await this.#cleanUp(crd, signal);
      return;
    }
    await this.#settleNames(crd);
  }

  async #settleNames(crd: Crd): Promise<void> {
    const plan = planNames(crd, this.#informer.list());
    const before = crd.status?.conditions ?? [];
    const quality = judgeQuality(crd);
    const wanted = [plan.namesAccepted, plan.established, ...quality.wanted];
    const kept = before.filter(({ type }) => !quality.unwanted.includes(type as CrdConditionType));
    const unchanged =
      isSame(crd.status?.acceptedNames, plan.acceptedNames) &&
      kept.length === before.length &&
      wanted.every((each) => isEquivalent(findCondition(crd, each.type), each));
    if (unchanged) return;
    const nowMs = this.#deps.clock.nowMs();
    const conditions = wanted.reduce((list, each) => withCrdCondition(list, each, nowMs), kept);
    await this.#writeStatus({
      ...crd,
      status: { ...crd.status, acceptedNames: plan.acceptedNames, conditions },
    } as Crd);
  }

  /** Deletes all objects of a definition that is deleted, waits until they are gone, and lets the definition go. */
  async #cleanUp(crd: Crd, signal: AbortSignal): Promise<void> {
    if (!(crd.metadata.finalizers ?? []).includes(CLEANUP_FINALIZER)) return;
    const current = await this.#setTerminating(crd, {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionInProgress',
      message: 'CustomResource deletion is in progress',
    });
    if (isConditionTrue(crd, 'Established')) {
      const left = await this.#deleteInstances(crd, signal);
      if (left > 0) {
        // Objects with finalizers take their time; their last one wakes nobody, so look again.
        this.#deps.clock.after(RETRY_MS, () => this.#enqueue(crd.metadata.name ?? '', signal));
        return;
      }
      await this.#letGo(current, 'InstanceDeletionCompleted', 'removed all instances');
    } else {
      await this.#letGo(current, 'NeverEstablished', 'resource was never established');
    }
  }

  /** The last write of a definition: by its status, whose rules a definition that breaks those of its spec passes too. */
  async #letGo(crd: Crd, reason: string, message: string): Promise<void> {
    const done: WantedCondition = { type: 'Terminating', status: 'False', reason, message };
    const conditions = withCrdCondition(crd.status?.conditions ?? [], done, this.#deps.clock.nowMs());
    const finalizers = (crd.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
    await this.#writeStatus({
      ...crd,
      metadata: { ...crd.metadata, finalizers },
      status: { ...crd.status, conditions },
    } as Crd);
  }

  async #deleteInstances(crd: Crd, signal: AbortSignal): Promise<number> {
    const version = crd.spec.versions.find((item) => item.served) ?? crd.spec.versions[0];
    if (version === undefined) return 0;
    const type: ResourceType<KubeObject> = {
      group: crd.spec.group,
      version: version.name,
      kind: crd.spec.names.kind,
      plural: crd.spec.names.plural,
      namespaced: crd.spec.scope === 'Namespaced',
    };
    // Where no version is served, nothing can be asked for.
    if (!version.served) return 0;
    const { items } = await this.#deps.client.list(type, { signal });
    const namespaces = new Set(items.map((item) => item.metadata.namespace ?? ''));
    for (const namespace of namespaces) {
      await this.#deps.client.deleteCollection(type, { ...(namespace === '' ? {} : { namespace }), signal });
    }
    return (await this.#deps.client.list(type, { signal })).items.length;
  }

  async #setTerminating(crd: Crd, wanted: WantedCondition): Promise<Crd> {
    if (isEquivalent(findCondition(crd, wanted.type), wanted)) return crd;
    const conditions = withCrdCondition(crd.status?.conditions ?? [], wanted, this.#deps.clock.nowMs());
    return await this.#writeStatus({ ...crd, status: { ...crd.status, conditions } } as Crd);
  }

  async #writeStatus(crd: Crd): Promise<Crd> {
    const type = customresourcedefinitions as ResourceType<Crd>;
    return await this.#deps.client.update(type, crd, { subresource: 'status' });
  }
}

function isEquivalent(
  stored: { status?: string; reason?: string | undefined; message?: string | undefined } | undefined,
  wanted: WantedCondition,
): boolean {
  if (stored === undefined) return false;
  return stored.status === wanted.status && stored.reason === wanted.reason && stored.message === wanted.message;
}
