import type { ListMeta } from '../generated/api/meta/v1.ts';
import type { KubeObject, ObjectKey, ResourceType } from '../machinery/object/object.ts';
import { toApiVersion } from '../machinery/object/object.ts';
import type { ApiRequest, Transport, WatchEvent } from './transport.ts';

export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly allowWatchBookmarks?: boolean | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions {
  readonly subresource?: string | undefined;
  readonly fieldManager?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `json` takes an array of RFC 6902 operations, the others an object; `apply` is server-side apply. */
export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchOptions extends WriteOptions {
  readonly type: PatchType;
  /** Takes over fields of other managers; only with `apply`. */
  readonly force?: boolean | undefined;
}

export interface DeleteOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface List<T> {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

const patchMediaTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** The one API client: generic over a kind's {@link ResourceType}. Objects that it returns may be frozen and shared. */
export class Client {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  async get<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options: { subresource?: string; signal?: AbortSignal } = {},
  ): Promise<T> {
    const path = toPath(type, key.namespace, key.name, options.subresource);
    return (await this.transport.request({ method: 'GET', path, signal: options.signal })) as T;
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<List<T>> {
    const { namespace, signal, ...rest } = options;
    const request: ApiRequest = { method: 'GET', path: toPath(type, namespace), query: toQuery(rest), signal };
    return (await this.transport.request(request)) as List<T>;
  }

  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    const { namespace, signal, ...rest } = options;
    const query = toQuery({ ...rest, watch: true });
    return this.transport.watch({ method: 'GET', path: toPath(type, namespace), query, signal }) as AsyncIterable<
      WatchEvent<T>
    >;
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const path = toPath(
      type,
      object.metadata.namespace,
      options.subresource ? object.metadata.name : undefined,
      options.subresource,
    );
    const body = withType(type, object, options.subresource);
    return (await this.transport.request({
      method: 'POST',
      path,
      query: toWriteQuery(options),
      body,
      signal: options.signal,
    })) as T;
  }

  async update<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const path = toPath(type, object.metadata.namespace, object.metadata.name, options.subresource);
    const body = withType(type, object, options.subresource);
    return (await this.transport.request({
      method: 'PUT',
      path,
      query: toWriteQuery(options),
      body,
      signal: options.signal,
    })) as T;
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: unknown,
    options: PatchOptions,
  ): Promise<T> {
    const path = toPath(type, key.namespace, key.name, options.subresource);
    const query = { ...toWriteQuery(options), ...(options.force ? { force: 'true' } : {}) };
    const contentType = patchMediaTypes[options.type];
    return (await this.transport.request({
      method: 'PATCH',
      path,
      query,
      body: patch,
      contentType,
      signal: options.signal,
    })) as T;
  }

  /** Deletes one object; the answer is the object where its deletion waits for something, else a `Status`. */
  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ): Promise<unknown> {
    const { signal, ...rest } = options;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...rest };
    return await this.transport.request({
      method: 'DELETE',
      path: toPath(type, key.namespace, key.name),
      body,
      signal,
    });
  }

  async deleteCollection<T extends KubeObject>(
    type: ResourceType<T>,
    options: ListOptions & DeleteOptions = {},
  ): Promise<unknown> {
    const { namespace, labelSelector, fieldSelector, signal, ...rest } = options;
    const query = toQuery({ labelSelector, fieldSelector });
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...rest };
    return await this.transport.request({ method: 'DELETE', path: toPath(type, namespace), query, body, signal });
  }
}

/** The URL path of a collection, an object or a subresource. */
export function toPath(type: ResourceType, namespace?: string, name?: string, subresource?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace ? `/namespaces/${toSegment(namespace)}` : '';
  const tail = name === undefined ? '' : `/${toSegment(name)}`;
  return `${root}${scope}/${type.plural}${tail}${subresource ? `/${subresource}` : ''}`;
}

function withType<T extends KubeObject>(type: ResourceType<T>, object: T, subresource: string | undefined): T {
  if (subresource !== undefined && object.kind !== undefined) return object;
  return { ...object, apiVersion: toApiVersion(type), kind: type.kind };
}

function toWriteQuery(options: WriteOptions): Record<string, string> {
  return toQuery({ fieldManager: options.fieldManager, dryRun: options.dryRun ? 'All' : undefined });
}

function toQuery(fields: Readonly<Record<string, string | number | boolean | undefined>>): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined && value !== '') query[key] = String(value);
  }
  return query;
}

/** A name as a part of a path. Colons, as in `system:node`, stand for themselves there. */
function toSegment(name: string): string {
  return encodeURIComponent(name).replaceAll('%3A', ':');
}
