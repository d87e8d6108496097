import { randomUUID } from 'node:crypto';
import { StorageError } from '../../datastore/storage-error.ts';
import { type FieldError, fieldInvalid } from '../../machinery/errors/field-error.ts';
import { conflict, invalid, isAlreadyExists, notFound, StatusError } from '../../machinery/errors/status-error.ts';
import { type AnyObject, type GroupResource, type ObjectKey, toKeyText } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import { toTimeText } from '../../machinery/values/time.ts';
import type { Clock } from '../../std/clock.ts';
import type { ServedItem } from '../pages.ts';
import { cloneJson } from './clone-json.ts';
import { type DeletionPlan, type DeletionWish, planDeletion } from './deletion.ts';
import { generateName } from './generate-name.ts';
import { forgetIdleTimes } from './managed-times.ts';
import { judgesMetadataLast, validateUpdatedMetadata } from './metadata-rounds.ts';
import { validateKubeFinalizers, validateMetadata } from './metadata-validation.ts';
import { asksForKubeFinalizers, nameRuleOf, validatePathName } from './name-rules.ts';
import type { ResourceStorage, StoredItem } from './resource-storage.ts';
import { toApiError } from './storage-faults.ts';
import { mainRules, type UpdateRules } from './update-rules.ts';
import { VersionView } from './version-view.ts';
import { toStoredObject, toWireObject } from './wire-object.ts';

/** A store's answer; `json` is there when the object is stored and its bytes are known. */
export type Written = Pick<ServedItem, 'object'> & { readonly json?: Buffer | undefined };

export interface WriteContext {
  readonly userName: string;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface CreateRequest extends WriteContext {
  /** Judges the finished object, last before it is stored. */
  validate(object: AnyObject): Promise<void>;
}

export interface UpdateRequest extends WriteContext {
  /**
   * Makes the next object, a private one, from the stored one (frozen; undefined where it does not exist and may be
   * created). Called again, with fresh state, where another writer came first.
   */
  transform(previous: AnyObject | undefined): Promise<AnyObject>;
  validate(next: AnyObject, previous: AnyObject): Promise<void>;
  validateCreate(object: AnyObject): Promise<void>;
  /** Creates what does not exist even where the kind does not allow it for PUT (server-side apply). */
  readonly createsMissing: boolean;
  /** The update is meant for this object only. */
  readonly uid?: string | undefined;
  /** Who changes, for managed fields that are kept elsewhere than in the object. */
  readonly fieldManager?: string | undefined;
  /** Default: those of the resource itself. */
  readonly rules?: UpdateRules | undefined;
}

export interface DeleteRequest extends WriteContext, DeletionWish {
  validate(object: AnyObject): Promise<void>;
}

/** Undoes (`false`) or settles (`true`) what was reserved for a write. */
export type Finish = (stored: boolean) => void | Promise<void>;

/** Things outside of an object that come and go with it, such as addresses and ports. */
export interface StoreHooks {
  /** Reserves for a new object and writes what it got into it. */
  beginCreate?(object: AnyObject, context: WriteContext): Promise<Finish>;
  beginUpdate?(next: AnyObject, previous: AnyObject, context: WriteContext): Promise<Finish>;
  afterDelete?(object: AnyObject, context: WriteContext): Promise<void>;
  /** Whether an object that is being deleted may go now that an update left it without finalizers. */
  mayVanish?(object: AnyObject): boolean;
  /** Decides a deletion in place of the general rules; undefined leaves it to them. */
  planDeletion?(object: AnyObject, wish: DeletionWish, nowMs: number): DeletionPlan | undefined;
}

export interface StoreDeps {
  readonly clock: Clock;
  readonly hooks?: StoreHooks | undefined;
}

const NAME_ATTEMPTS = 8;

/** Writes objects of one kind in one version by the rules of its record. Source: apiserver `pkg/registry/generic/registry`. */
export class ResourceStore {
  readonly definition: ResourceDefinition;
  readonly #storage: ResourceStorage;
  readonly #deps: StoreDeps;
  readonly #view: VersionView;
  readonly #resource: GroupResource;

  constructor(definition: ResourceDefinition, storage: ResourceStorage, deps: StoreDeps) {
    this.definition = definition;
    this.#storage = storage;
    this.#deps = deps;
    this.#view = new VersionView(definition);
    this.#resource = { group: definition.group, resource: definition.plural };
  }

  /** How stored objects look in this version. */
  get view(): VersionView {
    return this.#view;
  }

  /** @throws StatusError 404 */
  async get(key: ObjectKey): Promise<ServedItem> {
    const stored = await this.#storage.get(key);
    if (stored === undefined) throw notFound(this.#resource, key.name);
    return await this.#view.show(stored);
  }

  /** Stores a new object; `object` is private to the call. @throws StatusError 409, 422 and what admission throws */
  async create(object: AnyObject, request: CreateRequest): Promise<Written> {
    const { generateName: prefix, name } = object.metadata;
    if (!prefix || name) return this.#createOnce(object, request);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#createOnce(cloneJson(object), request);
      } catch (error) {
        if (!isAlreadyExists(error) || attempt >= NAME_ATTEMPTS) throw error;
      }
    }
  }

  async #createOnce(object: AnyObject, request: CreateRequest): Promise<Written> {
    await this.definition.strategy.load?.();
    const finish = await this.#prepareCreate(object, request);
    let stored = false;
    try {
      await request.validate(object);
      const written = await this.#writeNew(object, request);
      stored = true;
      return written;
    } finally {
      await finish(stored);
    }
  }

  /** Fills in what the server owns, reserves what the object needs and judges it. */
  async #prepareCreate(object: AnyObject, request: WriteContext): Promise<Finish> {
    const { definition } = this;
    const { metadata } = object;
    const nowMs = this.#deps.clock.nowMs();
    metadata.uid = randomUUID();
    metadata.creationTimestamp = toTimeText(nowMs);
    delete metadata.selfLink;
    if (metadata.generateName && !metadata.name) metadata.name = generateName(metadata.generateName);
    const finish = (await this.#deps.hooks?.beginCreate?.(object, request)) ?? (() => {});
    try {
      const { strategy } = definition;
      if (strategy.prepareForCreate !== undefined) {
        strategy.prepareForCreate(object, { nowMs, userName: request.userName, warn: request.warn });
      } else if (definition.hasStatus && definition.origin === 'custom') {
        delete object['status'];
      }
      if (definition.generation === 'spec') metadata.generation = 1;
      const scope = { namespaced: definition.namespaced, nameRule: nameRuleOf(definition) };
      const finalizers = asksForKubeFinalizers(definition) ? validateKubeFinalizers(metadata) : [];
      const faults = strategy.validateCreate?.(object) ?? [];
      if (judgesMetadataLast(definition)) this.#demand(object, faults);
      this.#demand(object, [...validateMetadata(metadata, scope), ...finalizers, ...faults]);
      this.#demand(object, validatePathName(metadata));
      for (const text of strategy.warningsOnCreate?.(object) ?? []) request.warn(text);
      // Upstream fills defaults once more when it reads what it stored: they may follow from what the server filled in.
      if (definition.origin === 'builtin') strategy.applyDefaults?.(object);
      return finish;
    } catch (error) {
      await finish(false);
      throw error;
    }
  }

  async #writeNew(object: AnyObject, request: WriteContext): Promise<Written> {
    const key = this.#keyOf(object);
    if (request.dryRun) {
      const existing = await this.#storage.get(key);
      if (existing !== undefined) throw this.#taken(existing, key);
      return { object: this.#finish(object) };
    }
    refuseRevision(object);
    try {
      return await this.#view.show(await this.#storage.create(key, await this.#toStored(object)));
    } catch (error) {
      if (!(error instanceof StorageError) || error.fault !== 'key-exists') throw this.#toApiError(error, key.name);
      throw this.#taken(await this.#storage.get(key), key);
    }
  }

  #taken(existing: StoredItem | undefined, key: ObjectKey): StatusError {
    const error = toApiError(new StorageError('key-exists', key.name, 0n), this.#resource, key.name) as StatusError;
    if (existing?.object.metadata.deletionTimestamp === undefined) return error;
    const { code, reason, details } = error;
    return new StatusError({ code, reason, details, message: `object is being deleted: ${error.message}` });
  }

  /** Updates an object, or creates it where that is allowed. @throws StatusError 404, 409, 422 and what admission throws */
  async update(
    key: ObjectKey,
    request: UpdateRequest,
  ): Promise<{ readonly written: Written; readonly created: boolean }> {
    let stored = await this.#storage.get(key);
    for (let fresh = false; ; fresh = true) {
      request.signal?.throwIfAborted();
      try {
        if (stored === undefined) return { written: await this.#createMissing(key, request), created: true };
        return { written: await this.#updateOnce(key, stored, request), created: false };
      } catch (error) {
        // What was decided on state that may be old is decided again on fresh state before anybody hears of it.
        const newest = isRace(error) || !fresh ? await this.#storage.getNewest(key) : stored;
        if (newest?.revision === stored?.revision && !isRace(error)) throw this.#toApiError(error, key.name);
        stored = newest;
      }
    }
  }

  async #createMissing(key: ObjectKey, request: UpdateRequest): Promise<Written> {
    if (!request.createsMissing && !this.definition.allowCreateOnUpdate) throw notFound(this.#resource, key.name);
    if (request.uid !== undefined) throw this.#uidMismatch(key, request.uid, '');
    const object = await request.transform(undefined);
    await this.definition.strategy.load?.();
    const finish = await this.#prepareCreate(object, request);
    let done = false;
    try {
      await request.validateCreate(object);
      delete object.metadata.resourceVersion;
      const item = request.dryRun ? undefined : await this.#storage.create(key, await this.#toStored(object));
      done = true;
      return item === undefined ? { object: this.#finish(object) } : await this.#view.show(item);
    } finally {
      await finish(done);
    }
  }

  async #updateOnce(key: ObjectKey, stored: StoredItem, request: UpdateRequest): Promise<Written> {
    const { object: previous } = await this.#view.show(stored);
    const uid = previous.metadata.uid ?? '';
    if (request.uid !== undefined && request.uid !== uid) throw this.#uidMismatch(key, request.uid, uid);
    const next = await request.transform(previous);
    await this.definition.strategy.load?.();
    this.#checkRevision(next, previous, key);
    const finish = (await this.#deps.hooks?.beginUpdate?.(next, previous, request)) ?? (() => {});
    let done = false;
    try {
      this.#prepareUpdate(next, previous, request);
      forgetIdleTimes(next, previous);
      await request.validate(next, previous);
      const written = await this.#writeChanged(stored, next, previous, request);
      done = true;
      return written;
    } finally {
      await finish(done);
    }
  }

  #prepareUpdate(next: AnyObject, previous: AnyObject, request: UpdateRequest): void {
    const rules = request.rules ?? mainRules(this.definition);
    const { metadata: meta } = next;
    const { metadata: old } = previous;
    if (old.generation === undefined) delete meta.generation;
    else meta.generation = old.generation;
    rules.prepare(next, previous);
    const after = next.metadata;
    delete after.selfLink;
    if (!after.uid && old.uid !== undefined) after.uid = old.uid;
    if (old.creationTimestamp !== undefined) after.creationTimestamp = old.creationTimestamp;
    if (old.deletionTimestamp !== undefined) after.deletionTimestamp = old.deletionTimestamp;
    if (old.deletionGracePeriodSeconds !== undefined && after.deletionGracePeriodSeconds === undefined) {
      after.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds;
    }
    const metadataFaults = validateUpdatedMetadata(after, old, this.definition, rules.metadata ?? 'U');
    this.#demand(next, [...metadataFaults, ...rules.validate(next, previous)]);
    for (const text of rules.warnings(next, previous)) request.warn(text);
  }

  async #writeChanged(
    stored: StoredItem,
    next: AnyObject,
    previous: AnyObject,
    request: UpdateRequest,
  ): Promise<Written> {
    if (this.#isFinished(next, previous)) {
      if (!request.dryRun) {
        await this.#storage.delete(stored);
        await this.#deps.hooks?.afterDelete?.(next, request);
      }
      return { object: this.#finish(next) };
    }
    if (request.dryRun) return { object: this.#finish(next) };
    return await this.#view.show(await this.#storage.update(stored, await this.#toStored(next)));
  }

  /** Whether this update took away the last thing that held a deleted object. */
  #isFinished(next: AnyObject, previous: AnyObject): boolean {
    if ((next.metadata.finalizers ?? []).length > 0 || previous.metadata.deletionTimestamp === undefined) return false;
    if ((previous.metadata.deletionGracePeriodSeconds ?? 0) !== 0) return false;
    return this.#deps.hooks?.mayVanish?.(next) ?? true;
  }

  /**
   * Changes a stored object outside of its kind's rules, for subresources that own a part of it.
   * @param change - Changes the private `draft`; called again where another writer came first.
   */
  async modify(
    key: ObjectKey,
    change: (draft: AnyObject, previous: AnyObject) => void,
    options: { uid?: string | undefined; resourceVersion?: string | undefined; dryRun: boolean },
  ): Promise<Written> {
    for (let stored = await this.#storage.get(key); ; stored = await this.#storage.getNewest(key)) {
      if (stored === undefined) throw notFound(this.#resource, key.name);
      const { object: previous } = await this.#view.show(stored);
      const { uid = '', resourceVersion = '' } = previous.metadata;
      if (options.uid && options.uid !== uid) throw this.#uidMismatch(key, options.uid, uid);
      if (options.resourceVersion && options.resourceVersion !== resourceVersion) {
        throw this.#preconditionFailed(
          key,
          `ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
        );
      }
      const draft = cloneJson(previous);
      change(draft, previous);
      if (options.dryRun) return { object: draft };
      try {
        return await this.#view.show(await this.#storage.update(stored, await this.#toStored(draft)));
      } catch (error) {
        if (!isRace(error)) throw this.#toApiError(error, key.name);
      }
    }
  }

  #checkRevision(next: AnyObject, previous: AnyObject, key: ObjectKey): void {
    const { resourceVersion: current = '' } = previous.metadata;
    const given = next.metadata.resourceVersion;
    if (given === undefined || given === '' || given === '0') {
      if (!this.definition.allowUnconditionalUpdate) {
        const fault = fieldInvalid('metadata.resourceVersion', 0, 'must be specified for an update');
        throw invalid({ group: this.definition.group, kind: this.definition.plural }, key.name, [fault]);
      }
      next.metadata.resourceVersion = current;
      return;
    }
    const fault = /^\d+$/.test(given)
      ? undefined
      : `strconv.ParseUint: parsing ${JSON.stringify(given)}: invalid syntax`;
    if (fault !== undefined) throw new StatusError({ code: 500, reason: '', message: fault });
    if (given !== current) throw conflict(this.#resource, key.name);
  }

  #uidMismatch(key: ObjectKey, wanted: string, found: string): StatusError {
    return this.#preconditionFailed(key, `UID in precondition: ${wanted}, UID in object meta: ${found}`);
  }

  /** Upstream shows its storage's own error here. Source: apiserver `pkg/storage/errors.go` (NewInvalidObjError). */
  #preconditionFailed(key: ObjectKey, what: string): StatusError {
    const path = `/registry/${this.definition.storagePrefix}/${toKeyText(key)}`;
    const why = `StorageError: invalid object, Code: 4, Key: ${path}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${what}`;
    return conflict(this.#resource, key.name, why);
  }

  /**
   * Deletes an object or starts its deletion.
   * @returns the object at its last state, and whether it is gone.
   */
  async delete(
    key: ObjectKey,
    request: DeleteRequest,
  ): Promise<{ readonly written: Written; readonly deleted: boolean }> {
    let stored = await this.#storage.get(key);
    for (let fresh = false; ; fresh = true) {
      request.signal?.throwIfAborted();
      if (stored === undefined && !fresh) stored = await this.#storage.getNewest(key);
      if (stored === undefined) throw notFound(this.#resource, key.name);
      try {
        return await this.#deleteOnce(stored, request);
      } catch (error) {
        const newest: StoredItem | undefined = await this.#storage.getNewest(key);
        const moved = newest?.revision !== stored.revision;
        if (!isRace(error) && (fresh || !moved)) throw this.#toApiError(error, key.name);
        if (isRace(error) && newest === undefined) throw notFound(this.#resource, key.name);
        stored = newest;
      }
    }
  }

  async #deleteOnce(
    stored: StoredItem,
    request: DeleteRequest,
  ): Promise<{ readonly written: Written; readonly deleted: boolean }> {
    const served = await this.#view.show(stored);
    const nowMs = this.#deps.clock.nowMs();
    const general = planDeletion(served.object, this.definition, request, nowMs);
    const plan = this.#deps.hooks?.planDeletion?.(served.object, request, nowMs) ?? general;
    if (plan.step === 'pending') return { written: served, deleted: false };
    await request.validate(served.object);
    if (plan.step === 'delete') return { written: await this.#remove(stored, request), deleted: true };
    const next = toWireObject(plan.next, this.definition);
    if (request.dryRun) return { written: { object: next }, deleted: plan.thenDelete };
    const marked = await this.#storage.update(stored, await this.#view.toStorage(next));
    if (!plan.thenDelete) return { written: await this.#view.show(marked), deleted: false };
    return { written: await this.#remove(marked, request), deleted: true };
  }

  async #remove(stored: StoredItem, request: WriteContext): Promise<Written> {
    if (request.dryRun) return await this.#view.show(stored);
    const removed = await this.#view.show(await this.#storage.delete(stored));
    await this.#deps.hooks?.afterDelete?.(removed.object, request);
    return removed;
  }

  #finish(object: AnyObject): AnyObject {
    return toStoredObject(object, this.definition);
  }

  #toStored(object: AnyObject): AnyObject | Promise<AnyObject> {
    return this.#view.toStorage(this.#finish(object));
  }

  #keyOf(object: AnyObject): ObjectKey {
    const { namespace, name = '' } = object.metadata;
    return this.definition.namespaced ? { namespace, name } : { name };
  }

  #demand(object: AnyObject, faults: readonly FieldError[]): void {
    if (faults.length === 0) return;
    const { group, kind, internalGroup = group } = this.definition;
    throw invalid({ group: internalGroup, kind }, object.metadata.name ?? '', faults);
  }

  #toApiError(error: unknown, name: string): unknown {
    return toApiError(error, this.#resource, name);
  }
}

/** Only the store gives revisions; upstream's storage lets a zero and what is no number pass. Source: `storage/etcd3/store.go`. */
function refuseRevision({ metadata }: AnyObject): void {
  const given = metadata.resourceVersion ?? '';
  delete metadata.resourceVersion;
  if (!/^\d+$/.test(given) || BigInt(given) === 0n) return;
  const message = 'resourceVersion should not be set on objects to be created';
  throw new StatusError({ code: 500, reason: '', message });
}

/** Whether another writer came first, so that trying again is right. */
function isRace(error: unknown): boolean {
  if (!(error instanceof StorageError)) return false;
  return error.fault === 'revision-moved' || error.fault === 'key-missing' || error.fault === 'key-exists';
}
