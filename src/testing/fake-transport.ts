import { Client } from '../client/client.ts';
import { deepFreeze } from '../client/freeze.ts';
import type { ApiRequest, Transport, WatchEvent } from '../client/transport.ts';
import * as resourceTypes from '../generated/resource-types.ts';
import { alreadyExists, conflict, notFound } from '../machinery/errors/status-error.ts';
import type { AnyObject, KubeObject, ResourceType } from '../machinery/object/object.ts';
import { toApiVersion } from '../machinery/object/object.ts';
import { AsyncQueue } from '../std/queue.ts';

interface Target {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

interface Watcher {
  readonly target: Target;
  readonly request: ApiRequest;
  readonly queue: AsyncQueue<WatchEvent>;
}

type Reaction = (request: ApiRequest) => unknown;

/**
 * A small API server in memory for tests of controllers: create, get, list, watch, update, merge-like patches, delete
 * with finalizers, `status`, label selectors of equality and `metadata.name` field selectors. It judges nothing: no
 * defaults, validation, admission or graceful deletion. What it does it does at once, in the order of the calls.
 */
export class FakeTransport implements Transport {
  /** Every request but reads, in order. */
  readonly writes: ApiRequest[] = [];
  readonly #objects = new Map<string, AnyObject>();
  readonly #types = new Map<string, ResourceType>();
  readonly #watchers = new Set<Watcher>();
  readonly #log: { revision: number; type: WatchEvent['type']; prefix: string; object: AnyObject }[] = [];
  readonly #reactions: { method: string; path: RegExp; react: Reaction }[] = [];
  readonly #nowMs: () => number;
  #revision = 100;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
    for (const type of Object.values(resourceTypes)) this.serve(type);
  }

  get client(): Client {
    return new Client(this);
  }

  /** Serves one more kind, such as a custom one. */
  serve(type: ResourceType): void {
    this.#types.set(`${toApiVersion(type)}/${type.plural}`, type);
  }

  /** Answers matching requests by `react`: throw for a failure, return undefined to go on as usual. */
  on(method: string, path: RegExp, react: Reaction): void {
    this.#reactions.push({ method, path, react });
  }

  /** Stores objects as they are (with their status), as if others had written them. */
  put<T extends KubeObject>(type: ResourceType<T>, ...objects: T[]): T[] {
    return objects.map((object) => {
      const { namespace, name } = object.metadata;
      const key = toStoreKey(type, namespace, name ?? '');
      const known = this.#objects.get(key);
      const copy = structuredClone(object) as unknown as AnyObject;
      copy.metadata.uid ??= known?.metadata.uid ?? `uid-${type.plural}-${name}`;
      copy.metadata.creationTimestamp ??= known?.metadata.creationTimestamp ?? this.#time();
      return this.#store(type, key, copy, known === undefined ? 'ADDED' : 'MODIFIED') as unknown as T;
    });
  }

  /** Removes an object at once, whatever its finalizers. */
  remove(type: ResourceType, namespace: string | undefined, name: string): void {
    const key = toStoreKey(type, namespace, name);
    const known = this.#objects.get(key);
    if (known !== undefined) this.#drop(type, key, known);
  }

  /** What is stored now. */
  all<T extends KubeObject>(type: ResourceType<T>, namespace?: string): T[] {
    const prefix = toStoreKey(type, namespace, '');
    const found = [...this.#objects].filter(([key]) => key.startsWith(prefix));
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object as unknown as T);
  }

  find<T extends KubeObject>(type: ResourceType<T>, namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(toStoreKey(type, namespace, name)) as unknown as T | undefined;
  }

  async request(request: ApiRequest): Promise<unknown> {
    await Promise.resolve();
    request.signal?.throwIfAborted();
    if (request.method !== 'GET') this.writes.push(request);
    for (const { method, path, react } of this.#reactions) {
      if (method !== request.method || !path.test(request.path)) continue;
      const answer = react(request);
      if (answer !== undefined) return answer;
    }
    const discovery = request.method === 'GET' ? this.#discover(request.path) : undefined;
    if (discovery !== undefined) return discovery;
    const target = this.#parse(request.path);
    switch (request.method) {
      case 'GET':
        return target.name === undefined ? this.#list(target, request) : this.#get(target);
      case 'POST':
        return this.#create(target, request.body as AnyObject);
      case 'PUT':
        return this.#update(target, structuredClone(request.body) as AnyObject);
      case 'PATCH':
        return this.#patch(target, request);
      case 'DELETE':
        return target.name === undefined ? this.#deleteAll(target, request) : this.#delete(target, request.body);
      default:
        return request.method satisfies never;
    }
  }

  watch(request: ApiRequest): AsyncIterable<WatchEvent> {
    const target = this.#parse(request.path);
    const watcher: Watcher = { target, request, queue: new AsyncQueue(() => this.#watchers.delete(watcher)) };
    const since = Number(request.query?.['resourceVersion'] ?? 0);
    for (const entry of this.#log) {
      if (entry.revision > since) this.#offer(watcher, entry.type, entry.prefix, entry.object);
    }
    this.#watchers.add(watcher);
    request.signal?.addEventListener('abort', () => {
      this.#watchers.delete(watcher);
      watcher.queue.end();
    });
    return watcher.queue;
  }

  /** Ends every watch, as a server does now and then; with an error, as a failing one. */
  endWatches(error?: unknown): void {
    for (const { queue } of this.#watchers) error === undefined ? queue.end() : queue.fail(error);
    this.#watchers.clear();
  }

  #parse(path: string): Target {
    const parts = path
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
    const apiVersion = parts[0] === 'api' ? parts[1] : `${parts[1]}/${parts[2]}`;
    const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
    const scoped = rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '');
    const namespace = scoped ? rest[1] : undefined;
    const [plural, name, subresource] = scoped ? rest.slice(2) : rest;
    const type = this.#types.get(`${apiVersion}/${plural}`);
    if (type === undefined) throw notFound({ group: '', resource: plural ?? '' }, name ?? '');
    return { type, namespace, name, subresource };
  }

  /** Discovery answers of all kinds served. */
  #discover(path: string): unknown {
    const groups = new Map<string, Set<string>>();
    for (const { group, version } of this.#types.values()) {
      if (group === '') continue;
      groups.set(group, (groups.get(group) ?? new Set()).add(version));
    }
    if (path === '/apis') {
      const list = Array.from(groups, ([name, versions]) => ({
        name,
        versions: Array.from(versions, (version) => ({ version, groupVersion: `${name}/${version}` })),
      }));
      return { kind: 'APIGroupList', groups: list };
    }
    const match = /^(?:\/api\/(v1)|\/apis\/([^/]+\/[^/]+))$/.exec(path);
    const groupVersion = match?.[1] ?? match?.[2];
    if (groupVersion === undefined) return undefined;
    const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
    const resources = [...this.#types.values()]
      .filter((type) => toApiVersion(type) === groupVersion)
      .map(({ plural, kind, namespaced }) => ({ name: plural, singularName: '', kind, namespaced, verbs }));
    return { kind: 'APIResourceList', groupVersion, resources };
  }

  #get(target: Target): AnyObject {
    const found = this.#objects.get(toStoreKey(target.type, target.namespace, target.name ?? ''));
    if (found === undefined) throw notFound(groupResource(target.type), target.name ?? '');
    return found;
  }

  #list(target: Target, request: ApiRequest): unknown {
    const items = this.all(target.type as ResourceType<AnyObject>, target.namespace);
    return deepFreeze({
      kind: `${target.type.kind}List`,
      apiVersion: toApiVersion(target.type),
      metadata: { resourceVersion: String(this.#revision) },
      items: items.filter((object) => isSelected(object, request.query)),
    });
  }

  #create(target: Target, body: AnyObject): unknown {
    const { type, namespace } = target;
    if (target.subresource !== undefined) return deepFreeze(structuredClone(body));
    const object = structuredClone(body);
    object.metadata = { ...object.metadata };
    if (namespace !== undefined) object.metadata.namespace = namespace;
    object.metadata.name ??= `${object.metadata.generateName ?? ''}${(this.#revision + 1).toString(36).padStart(5, 'x')}`;
    const key = toStoreKey(type, namespace, object.metadata.name);
    if (this.#objects.has(key)) throw alreadyExists(groupResource(type), object.metadata.name);
    object.metadata.uid = `uid-${this.#revision + 1}`;
    object.metadata.creationTimestamp = this.#time();
    object.metadata.generation = 1;
    return this.#store(type, key, object, 'ADDED');
  }

  #update(target: Target, body: AnyObject): unknown {
    const known = this.#get(target);
    const wanted = body.metadata.resourceVersion;
    if (wanted !== undefined && wanted !== known.metadata.resourceVersion) {
      throw conflict(groupResource(target.type), target.name ?? '');
    }
    const next = structuredClone(known) as AnyObject;
    const keeps = target.subresource === 'status' ? 'status' : undefined;
    if (keeps !== undefined) {
      next['status'] = body['status'];
      next.metadata.annotations = body.metadata.annotations;
      next.metadata.finalizers = body.metadata.finalizers;
    } else if (
      target.subresource === undefined ||
      target.subresource === 'finalize' ||
      target.subresource === 'approval'
    ) {
      for (const field of Object.keys(next)) if (field !== 'status') delete next[field];
      Object.assign(next, body, known['status'] === undefined ? {} : { status: known['status'] });
      if (target.subresource === 'approval') next['status'] = body['status'];
      const { uid, creationTimestamp, deletionTimestamp, generation } = known.metadata;
      next.metadata = { ...body.metadata, uid, creationTimestamp, generation };
      if (deletionTimestamp !== undefined) next.metadata.deletionTimestamp = deletionTimestamp;
    }
    return this.#finish(target, known, next);
  }

  #patch(target: Target, request: ApiRequest): unknown {
    const type = request.contentType ?? '';
    const known = this.#objects.get(toStoreKey(target.type, target.namespace, target.name ?? ''));
    if (known === undefined && type.includes('apply')) {
      return this.#create({ ...target, subresource: undefined }, request.body as AnyObject);
    }
    if (known === undefined) throw notFound(groupResource(target.type), target.name ?? '');
    const patch = request.body as AnyObject;
    const { resourceVersion, uid } = patch.metadata ?? {};
    if (
      (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion) ||
      (uid !== undefined && uid !== known.metadata.uid)
    ) {
      throw conflict(groupResource(target.type), target.name ?? '');
    }
    if (type.includes('json-patch')) throw new Error('the fake server knows no JSON patch');
    const next = structuredClone(
      mergePatch(known, patch, !type.includes('merge-patch+json') || type.includes('strategic')),
    ) as AnyObject;
    return this.#finish(target, known, next);
  }

  #finish(target: Target, known: AnyObject, next: AnyObject): unknown {
    const key = toStoreKey(target.type, target.namespace, target.name ?? '');
    const specOf = (object: AnyObject): string => JSON.stringify({ ...object, metadata: null, status: null });
    if (specOf(known) !== specOf(next)) next.metadata.generation = (known.metadata.generation ?? 0) + 1;
    const finalizers = next.metadata.finalizers?.length ?? 0;
    const specFinalizers = (next['spec'] as { finalizers?: unknown[] } | undefined)?.finalizers?.length ?? 0;
    if (next.metadata.deletionTimestamp !== undefined && finalizers + specFinalizers === 0) {
      return this.#drop(target.type, key, next);
    }
    if (JSON.stringify(next) === JSON.stringify(known)) return known;
    return this.#store(target.type, key, next, 'MODIFIED');
  }

  #delete(target: Target, options: unknown): unknown {
    const known = this.#get(target);
    const { preconditions, propagationPolicy } = (options ?? {}) as {
      preconditions?: { uid?: string; resourceVersion?: string };
      propagationPolicy?: string;
    };
    const { uid = known.metadata.uid, resourceVersion = known.metadata.resourceVersion } = preconditions ?? {};
    if (uid !== known.metadata.uid || resourceVersion !== known.metadata.resourceVersion) {
      throw conflict(groupResource(target.type), target.name ?? '', 'the precondition failed');
    }
    const key = toStoreKey(target.type, target.namespace, target.name ?? '');
    const next = structuredClone(known) as AnyObject;
    const finalizers = new Set(next.metadata.finalizers ?? []);
    if (propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion');
    if (propagationPolicy === 'Orphan') finalizers.add('orphan');
    const specFinalizers = (next['spec'] as { finalizers?: unknown[] } | undefined)?.finalizers?.length ?? 0;
    if (finalizers.size + specFinalizers === 0) {
      this.#drop(target.type, key, known);
      return { kind: 'Status', apiVersion: 'v1', status: 'Success' };
    }
    if (known.metadata.deletionTimestamp !== undefined) return known;
    next.metadata.finalizers = [...finalizers];
    next.metadata.deletionTimestamp = this.#time();
    if (target.type.kind === 'Namespace') next['status'] = { ...(next['status'] as object), phase: 'Terminating' };
    return this.#store(target.type, key, next, 'MODIFIED');
  }

  #deleteAll(target: Target, request: ApiRequest): unknown {
    for (const object of this.all(target.type as ResourceType<AnyObject>, target.namespace)) {
      if (!isSelected(object, request.query)) continue;
      this.#delete({ ...target, namespace: object.metadata.namespace, name: object.metadata.name }, request.body);
    }
    return { kind: 'Status', apiVersion: 'v1', status: 'Success' };
  }

  #store(type: ResourceType, key: string, object: AnyObject, event: WatchEvent['type']): AnyObject {
    this.#revision += 1;
    object.metadata.resourceVersion = String(this.#revision);
    // As the wire would: fields that are undefined are absent.
    const stored = deepFreeze(JSON.parse(JSON.stringify(object)) as AnyObject);
    this.#objects.set(key, stored);
    this.#publish(type, event, stored);
    return stored;
  }

  #drop(type: ResourceType, key: string, object: AnyObject): AnyObject {
    this.#revision += 1;
    const last = structuredClone(object) as AnyObject;
    last.metadata.resourceVersion = String(this.#revision);
    this.#objects.delete(key);
    this.#publish(type, 'DELETED', deepFreeze(last));
    return last;
  }

  #publish(type: ResourceType, event: WatchEvent['type'], object: AnyObject): void {
    const prefix = toStoreKey(type, undefined, '');
    this.#log.push({ revision: this.#revision, type: event, prefix, object });
    for (const watcher of this.#watchers) this.#offer(watcher, event, prefix, object);
  }

  #offer(watcher: Watcher, event: WatchEvent['type'], prefix: string, object: AnyObject): void {
    if (toStoreKey(watcher.target.type, undefined, '') !== prefix) return;
    const { namespace } = watcher.target;
    if (namespace !== undefined && namespace !== object.metadata.namespace) return;
    if (!isSelected(object, watcher.request.query)) return;
    watcher.queue.push({ type: event, object });
  }

  #time(): string {
    return `${new Date(this.#nowMs()).toISOString().slice(0, 19)}Z`;
  }
}

function toStoreKey(type: ResourceType, namespace: string | undefined, name: string): string {
  const collection = `${type.group}/${type.plural}|`;
  if (namespace === undefined && name === '') return collection;
  return `${collection}${namespace ?? ''}/${name}`;
}

function groupResource(type: ResourceType): { group: string; resource: string } {
  return { group: type.group, resource: type.plural };
}

function isSelected(object: AnyObject, query: ApiRequest['query']): boolean {
  const labels = query?.['labelSelector']?.split(',') ?? [];
  const fields = query?.['fieldSelector']?.split(',') ?? [];
  const hasLabel = (term: string): boolean => {
    const [key = '', value] = term.split('=');
    const actual = object.metadata.labels?.[key];
    return value === undefined ? actual !== undefined : actual === value;
  };
  const hasField = (term: string): boolean => {
    const [path = '', value] = term.split('=');
    const actual = path.split('.').reduce<unknown>((at, part) => (at as AnyObject | undefined)?.[part], object);
    return String(actual ?? '') === value;
  };
  return labels.every(hasLabel) && fields.every(hasField);
}

const mergeKeys: Readonly<Record<string, string>> = {
  conditions: 'type',
  ownerReferences: 'uid',
  taints: 'key',
  volumes: 'name',
  containers: 'name',
};

/** RFC 7386; with `strategic` also unions of finalizers and lists merged by key, with `$patch: delete`. */
function mergePatch(target: unknown, patch: unknown, strategic: boolean, field = ''): unknown {
  if (Array.isArray(patch)) {
    const key = mergeKeys[field];
    if (!strategic || !Array.isArray(target)) return structuredClone(patch);
    if (field === 'finalizers') return [...new Set([...target, ...patch])];
    if (key === undefined) return structuredClone(patch);
    const list = target.slice() as Record<string, unknown>[];
    for (const entry of patch as Record<string, unknown>[]) {
      const at = list.findIndex((each) => each[key] === entry[key]);
      if (entry['$patch'] === 'delete') list.splice(at < 0 ? list.length : at, 1);
      else if (at < 0) list.push(entry);
      else list[at] = mergePatch(list[at], entry, strategic) as Record<string, unknown>;
    }
    return list;
  }
  if (typeof patch !== 'object' || patch === null) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result: Record<string, unknown> = isObject ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const name = key.slice(key.indexOf('/') + 1);
      const list = (result[name] ?? []) as unknown[];
      result[name] = list.filter((entry) => !(value as unknown[]).includes(entry));
    } else if (key.startsWith('$')) continue;
    else if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value, strategic, key);
  }
  return result;
}
