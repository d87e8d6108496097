import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import type { ControllerRevision } from '../generated/api/apps/v1.ts';
import type { PodTemplateSpec } from '../generated/api/core/v1.ts';
import type { LabelSelector } from '../generated/api/meta/v1.ts';
import { controllerrevisions } from '../generated/resource-types.ts';
import { sortKeys } from '../machinery/codecs/json/go-text.ts';
import { isAlreadyExists, isNotFound } from '../machinery/errors/status-error.ts';
import { controllerOf, type KubeObject, keyOf, ownedBy, type ResourceType } from '../machinery/object/object.ts';
import { claimObjects } from './claim.ts';
import { claimable } from './pods/pod-indexes.ts';
import { toSafeHash, toStableText } from './safe-hash.ts';

export interface HistoryRequest<T extends KubeObject> {
  readonly client: Client;
  readonly informer: Informer<ControllerRevision>;
  readonly type: ResourceType<T>;
  readonly owner: T;
  readonly selector: LabelSelector | undefined;
  readonly template: PodTemplateSpec;
  readonly collisionCount: number | undefined;
  /** Label that holds the template's hash. */
  readonly hashLabel: string;
  /** The hash of a revision's data, which names it. Default: one of the template. */
  readonly hashOf?: ((data: Record<string, unknown>, collisionCount: number | undefined) => string) | undefined;
  /** Another template has taken the name that the hash gives: raise the count on the owner's status. */
  onCollision(nextCount: number): Promise<unknown>;
}

export interface History {
  readonly current: ControllerRevision;
  /** Revisions of other templates, oldest first. */
  readonly old: readonly ControllerRevision[];
}

/**
 * The revisions of an owner's pod template, with one for the template as it is now: found (and made the newest, as after
 * a roll-back) or created.
 *
 * Source: `pkg/controller/daemon/update.go` (constructHistory), `pkg/controller/history`.
 */
export async function ensureHistory<T extends KubeObject>(request: HistoryRequest<T>): Promise<History> {
  const { client, informer, type, owner, selector, template } = request;
  const revisions = await claimObjects({
    client,
    type: controllerrevisions,
    owner,
    ownerType: type,
    selector,
    objects: claimable(informer, owner),
  });
  const wanted = toStableText(toPatch(template));
  const isSame = (each: ControllerRevision): boolean => toStableText(each.data ?? {}) === wanted;
  const byRevision = [...revisions].sort((a, b) => a.revision - b.revision);
  const old = byRevision.filter((each) => !isSame(each));
  const next = (old.at(-1)?.revision ?? 0) + 1;
  const found = byRevision.filter(isSame).at(-1);
  if (found === undefined) return { current: await create(request, next), old };
  if (found.revision >= next) return { current: found, old };
  return { current: await client.update(controllerrevisions, { ...found, revision: next }), old };
}

async function create<T extends KubeObject>(request: HistoryRequest<T>, revision: number): Promise<ControllerRevision> {
  const { client, type, owner, template, collisionCount, hashLabel } = request;
  const data = toPatch(template);
  const hash = request.hashOf?.(data, collisionCount) ?? toSafeHash(template, collisionCount);
  const { namespace, annotations } = owner.metadata;
  const name = `${(owner.metadata.name ?? '').slice(0, 223)}-${hash}`;
  const wanted: ControllerRevision = {
    metadata: {
      name,
      namespace,
      labels: { ...template.metadata?.labels, [hashLabel]: hash },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ownerReferences: [ownedBy(owner, type)],
    },
    data,
    revision,
  };
  try {
    return await client.create(controllerrevisions, wanted);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const existing = await client.get(controllerrevisions, { namespace, name });
    const isOurs = controllerOf(existing)?.uid === owner.metadata.uid;
    if (isOurs && toStableText(existing.data ?? {}) === toStableText(wanted.data)) return existing;
    await request.onCollision((collisionCount ?? 0) + 1);
    throw error;
  }
}

/**
 * What a revision stores: a patch that puts the template back. Others compare it byte by byte, so that its keys are in
 * Go's order. Source: `pkg/controller/daemon/update.go` (getPatch).
 */
function toPatch(template: PodTemplateSpec): Record<string, unknown> {
  return sortKeys({ spec: { template: { ...template, $patch: 'replace' } } }) as Record<string, unknown>;
}

/**
 * Deletes the oldest revisions beyond the limit, but none that is in use. `counted` are those that the limit is for:
 * all old ones of a daemon set, only the unused ones of a stateful set.
 */
export async function trimHistory(
  client: Client,
  old: readonly ControllerRevision[],
  { limit, counted = 'old' }: { readonly limit: number; readonly counted?: 'old' | 'unused' },
  isUsed: (revision: ControllerRevision) => boolean,
): Promise<void> {
  const unused = old.filter((revision) => !isUsed(revision));
  const surplus = (counted === 'old' ? old.length : unused.length) - limit;
  for (const revision of unused.slice(0, Math.max(0, surplus))) {
    await client.delete(controllerrevisions, keyOf(revision)).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}
