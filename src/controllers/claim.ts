import type { Client } from '../client/client.ts';
import type { LabelSelector } from '../generated/api/meta/v1.ts';
import { codeOf, isNotFound } from '../machinery/errors/status-error.ts';
import { controllerOf, type KubeObject, keyOf, ownedBy, type ResourceType } from '../machinery/object/object.ts';
import { runAll } from './batches.ts';
import { matchesSelector } from './selector.ts';

export interface ClaimPlan<T> {
  /** Ours and wanted. */
  readonly keep: readonly T[];
  /** Nobody's and wanted. */
  readonly adopt: readonly T[];
  /** Ours and no longer matching. */
  readonly release: readonly T[];
}

/**
 * Sorts objects by what an owner with a selector does about them. An owner that is being deleted adopts nothing and
 * releases nothing; objects that are being deleted are left as they are.
 *
 * Source: `pkg/controller/controller_ref_manager.go` (ClaimObject).
 */
export function planClaims<T extends KubeObject>(
  owner: KubeObject,
  objects: readonly T[],
  matches: (object: T) => boolean,
): ClaimPlan<T> {
  const ownerGoes = owner.metadata.deletionTimestamp !== undefined;
  const keep: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  for (const object of objects) {
    const goes = object.metadata.deletionTimestamp !== undefined;
    const reference = controllerOf(object);
    if (reference !== undefined) {
      if (reference.uid !== owner.metadata.uid) continue;
      if (matches(object)) keep.push(object);
      else if (!ownerGoes) release.push(object);
    } else if (!ownerGoes && !goes && matches(object)) adopt.push(object);
  }
  return { keep, adopt, release };
}

export interface ClaimRequest<T extends KubeObject> {
  readonly client: Client;
  readonly type: ResourceType<T>;
  readonly owner: KubeObject;
  readonly ownerType: ResourceType;
  readonly selector: LabelSelector | undefined;
  /** Candidates: all of the owner's namespace, or those that an index says may matter. */
  readonly objects: readonly T[];
  /** A further wish beside the selector. */
  readonly filter?: ((object: T) => boolean) | undefined;
  /** Finalizers that adopted objects get. */
  readonly finalizers?: readonly string[] | undefined;
}

/** Adopts and releases as planned and returns what the owner holds then. Adopted objects come as the server answered. */
export async function claimObjects<T extends KubeObject>(request: ClaimRequest<T>): Promise<T[]> {
  const { client, type, owner, ownerType, selector, objects, filter, finalizers } = request;
  const matches = (object: T): boolean =>
    matchesSelector(selector, object.metadata.labels) && (filter?.(object) ?? true);
  const { keep, adopt, release } = planClaims(owner, objects, matches);
  const claimed = [...keep];
  if (adopt.length > 0 && (await isStillThere(client, ownerType, owner))) {
    await runAll(adopt, async (object) => {
      const metadata = {
        uid: object.metadata.uid,
        ownerReferences: [ownedBy(owner, ownerType)],
        ...(finalizers === undefined ? {} : { finalizers }),
      };
      try {
        claimed.push(await client.patch(type, keyOf(object), { metadata }, { type: 'strategic' }));
      } catch (error) {
        // Gone, or replaced by another of its name: nothing to adopt.
        if (!isNotFound(error) && codeOf(error) !== 409) throw error;
      }
    });
  }
  await runAll(release, (object) => releaseObject(client, type, object, owner));
  return claimed;
}

/** Takes the owner's reference off an object. */
export async function releaseObject<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  object: T,
  owner: KubeObject,
): Promise<void> {
  const reference = { $patch: 'delete', uid: owner.metadata.uid };
  const metadata = { uid: object.metadata.uid, ownerReferences: [reference] };
  try {
    await client.patch(type, keyOf(object), { metadata }, { type: 'strategic' });
  } catch (error) {
    if (!isNotFound(error) && codeOf(error) !== 409 && codeOf(error) !== 422) throw error;
  }
}

/** Asks the server itself: the cache may show an owner that is gone, and adopting for it would orphan for ever. */
async function isStillThere(client: Client, type: ResourceType, owner: KubeObject): Promise<boolean> {
  const fresh = await client.get(type as ResourceType<KubeObject>, keyOf(owner)).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  return fresh?.metadata.uid === owner.metadata.uid && fresh?.metadata.deletionTimestamp === undefined;
}
