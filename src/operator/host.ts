import { createHash } from 'node:crypto';
import type { Client } from '../client/client.ts';
import type { Job } from '../generated/api/batch/v1.ts';
import type { Node, Pod } from '../generated/api/core/v1.ts';
import { isInvalid, isNotFound } from '../machinery/errors/status-error.ts';
import {
  type AnyObject,
  type KubeObject,
  keyOf,
  type ObjectKey,
  ownedBy,
  type ResourceType,
} from '../machinery/object/object.ts';
import type { JoinToken } from './api/join-token.ts';
import { type VirtualCluster, virtualClusters } from './api/virtual-cluster.ts';
import type { VirtualClusterBackup } from './api/virtual-cluster-backup.ts';
import { type Intrusion, intrusionsOf, toRemoval } from './intrusions.ts';
import type { Repairs } from './repairs.ts';
import { isSatisfied } from './satisfied.ts';
import type { Wanted } from './steps/step.ts';

/** The one name under which the operator owns fields on the host. */
export const FIELD_MANAGER = 'warren-operator';
/** Hash of the object as the operator wished it last, so that a wish taken back is seen as well. */
const WISH_ANNOTATION = 'warren.dev/wish';

/** What the operator has seen of the host; behind it are informers, so it may lag. */
export interface HostCache {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): T | undefined;
  readyNodes(): readonly Node[];
  /** VirtualClusterBackups of the tenant. */
  backupsOf(cluster: VirtualCluster): readonly VirtualClusterBackup[];
  /** Pods of one of our Jobs. */
  podsOfJob(job: Job): readonly Pod[];
  /** Pods of the tenant's server. */
  podsOf(cluster: VirtualCluster): readonly Pod[];
  /** JoinTokens of the tenant. */
  joinTokensOf(cluster: VirtualCluster): readonly JoinToken[];
  /** Jobs of a backup. */
  jobsOf(backup: VirtualClusterBackup): readonly Job[];
  clustersIn(namespace: string): readonly VirtualCluster[];
}

/** Reads the object itself where the cache has none: for what must never be made twice. */
export async function readLive<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await client.get(type, key, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * What a host made of wishes that it does not hold word for word: another manager or a webhook of the host has the last
 * word, and to wish the same again would only be asked in vain.
 */
export class Answers {
  readonly #known = new Map<string, Map<string, string>>();

  /** Whether the object is still what the host answered to this wish, but for its status. */
  isAnswer(tenant: string, hash: string, present: AnyObject): boolean {
    const known = this.#known.get(tenant)?.get(idOf(present));
    return known !== undefined && known === `${hash}/${contentOf(present)}`;
  }

  note(tenant: string, hash: string, answer: AnyObject): void {
    const own = this.#known.get(tenant) ?? new Map<string, string>();
    this.#known.set(tenant, own.set(idOf(answer), `${hash}/${contentOf(answer)}`));
  }

  forget(tenant: string): void {
    this.#known.delete(tenant);
  }
}

const idOf = ({ metadata: { name, uid } }: AnyObject): string => `${name}/${uid}`;

/** Names what the object says, without what the host says of it. */
function contentOf({ metadata, status: _status, apiVersion: _version, kind: _kind, ...rest }: AnyObject): string {
  const { labels, annotations, ownerReferences } = metadata;
  const text = JSON.stringify([rest, labels, annotations?.[WISH_ANNOTATION], ownerReferences]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

export interface ApplyOptions {
  /** Set as controlling owner; undefined for objects that outlive the VirtualCluster. */
  readonly owner: VirtualCluster | undefined;
  /** Key of the VirtualCluster, and what is known of answers and repairs. */
  readonly tenant: string;
  readonly answers: Answers;
  readonly repairs: Repairs;
  readonly nowMs: number;
  /** Told what others had added, once it is removed. */
  removed(intrusions: readonly Intrusion[]): void;
}

/**
 * Makes the host agree with one wish: what others have added where only the operator has a say is removed, then
 * server-side apply under the operator's field manager; and nothing at all where the object is as wished already. Drift
 * in fields that the wish names is repaired.
 *
 * @returns the object as it is now.
 * @throws ContestedError where the object was put right too often of late.
 */
export async function applyWanted(
  client: Client,
  wanted: Wanted,
  present: AnyObject | undefined,
  options: ApplyOptions,
  signal: AbortSignal,
): Promise<AnyObject> {
  const { owner, tenant, answers, repairs, nowMs } = options;
  const owners = owner === undefined ? [] : [ownedBy(owner, virtualClusters)];
  const wish: AnyObject = { ...wanted.object, metadata: { ...wanted.object.metadata, ownerReferences: owners } };
  const hash = createHash('sha256').update(JSON.stringify(wish)).digest('hex').slice(0, 16);
  wish.metadata.annotations = { ...wish.metadata.annotations, [WISH_ANNOTATION]: hash };
  // Items of lists do not say what they are: what was seen since the operator started, and never changed, has neither.
  const { apiVersion: _version, kind: _kind, ...said } = wish;
  let { resourceVersion } = present?.metadata ?? {};
  if (present !== undefined && present.metadata.deletionTimestamp === undefined) {
    const intrusions = intrusionsOf(wanted.type.kind, present, FIELD_MANAGER);
    const isAsWished = isSatisfied(said, present) || answers.isAnswer(tenant, hash, present);
    if (isAsWished && intrusions.length === 0) return present;
    if (present.metadata.annotations?.[WISH_ANNOTATION] === hash)
      repairs.note(tenant, `${wanted.type.kind} ${wish.metadata.name}`, nowMs);
    if (intrusions.length > 0) {
      const cleared = await remove(client, wanted, { present, intrusions }, signal);
      options.removed(intrusions);
      if (isSatisfied(said, cleared)) return cleared;
      ({ resourceVersion } = cleared.metadata);
    }
  }
  // What a Secret holds is made of what it held: from an old state of it, a token that was rotated would come back.
  const isGrown = wanted.type.kind === 'Secret' && resourceVersion !== undefined;
  const body = isGrown ? { ...wish, metadata: { ...wish.metadata, resourceVersion } } : wish;
  const answer = (await client.patch(wanted.type as ResourceType<AnyObject>, keyOf(wish), body, {
    type: 'apply',
    force: true,
    fieldManager: FIELD_MANAGER,
    signal,
  })) as AnyObject;
  if (!isSatisfied(said, answer)) answers.note(tenant, hash, answer);
  return answer;
}

/** Server-side apply takes away nothing that another manager owns, so what others added is removed by its place. */
async function remove(
  client: Client,
  { type, object }: Wanted,
  { present, intrusions }: { readonly present: AnyObject; readonly intrusions: readonly Intrusion[] },
  signal: AbortSignal,
): Promise<AnyObject> {
  const key = keyOf(object);
  const options = { type: 'json', fieldManager: FIELD_MANAGER, signal } as const;
  const patch = toRemoval(intrusions, present, object);
  try {
    return (await client.patch(type as ResourceType<AnyObject>, key, patch as never, options)) as AnyObject;
  } catch (error) {
    if (!isInvalid(error)) throw error;
    // A place that is not there any more is refused before the object is seen to be another one.
    const live = await readLive(client, type as ResourceType<AnyObject>, key, signal);
    if (live?.metadata.resourceVersion === present.metadata.resourceVersion) throw error;
    throw new Error(`${type.kind} ${key.name} has changed meanwhile`, { cause: error });
  }
}
