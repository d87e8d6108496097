import { notFound } from '../machinery/errors/status-error.ts';
import type { Answer, AuthenticatedCall, Handler } from './call.ts';
import type { RequestInfo } from './request-info.ts';
import { methodNotAllowed, noSuchResource, pageNotFound } from './route-errors.ts';
import type { ServedResource } from './served-resource.ts';

/** Finds what serves a path. */
export interface ResourceTable {
  /** The resource, in the version of the path. */
  find(group: string, version: string, resource: string): ServedResource | undefined;
  /** Whether some version of the group is served. */
  hasGroup(group: string): boolean;
}

/** Serves whole groups from elsewhere; asked before the server's own resources. */
export interface GroupProxy {
  /** The handler for a group and version that another server owns. */
  find(group: string, version: string): Handler<AuthenticatedCall> | undefined;
}

export interface DispatchDeps {
  readonly resources: ResourceTable;
  /** Answers paths that are no resources; undefined where it knows none. */
  readonly other?: ((call: AuthenticatedCall) => Promise<Answer> | undefined) | undefined;
  readonly aggregated?: GroupProxy | undefined;
}

/** Hands a call to what owns its path: an aggregated server, a resource, or one of the other paths. */
export function createDispatcher(deps: DispatchDeps): Handler<AuthenticatedCall> {
  return async (call) => {
    const { info } = call;
    const proxied = info.prefix === 'apis' ? deps.aggregated?.find(info.group, info.version) : undefined;
    if (proxied !== undefined) return proxied(call);
    if (info.isResourceRequest) return dispatchResource(call, deps.resources);
    return (await deps.other?.(call)) ?? pageNotFound;
  };
}

async function dispatchResource(call: AuthenticatedCall, resources: ResourceTable): Promise<Answer> {
  const { info } = call;
  const resource = resources.find(info.group, info.version, info.resource);
  if (resource === undefined) {
    if (info.prefix === 'api' || isBuiltIn(info.group, resources)) throw noSuchResource();
    return pageNotFound;
  }
  const custom = resource.definition.origin === 'custom';
  const inNamespace = info.namespace !== '';
  // The one resource whose own path looks namespaced.
  const isNamespaces = info.group === '' && info.resource === 'namespaces';
  if (inNamespace && !resource.definition.namespaced && !isNamespaces) {
    if (custom) return pageNotFound;
    throw noSuchResource();
  }
  const handler = info.subresource === '' ? verbHandler(call, resource) : subresourceHandler(info, call, resource);
  return handler(call);
}

/** A group without a single resource left is no group: paths below it are not even API paths. */
function isBuiltIn(group: string, resources: ResourceTable): boolean {
  return resources.hasGroup(group);
}

function verbHandler(call: AuthenticatedCall, resource: ServedResource): Handler<AuthenticatedCall> {
  const { verbs, definition } = resource;
  const { info, method } = call;
  if (info.verb === 'watch' && verbs.list !== undefined) return verbs.list;
  const named = info.parts.length > 1;
  const wholeCluster = definition.namespaced && info.namespace === '';
  if (named && (wholeCluster || !hasNamedVerbs(resource))) throw noSuchResource();
  const handler = named ? namedHandler(method, verbs) : collectionHandler(method, verbs, { wholeCluster });
  if (handler === undefined) throw methodNotAllowed();
  return handler;
}

function hasNamedVerbs({ verbs }: ServedResource): boolean {
  return [verbs.get, verbs.update, verbs.patch, verbs.delete].some((handler) => handler !== undefined);
}

function namedHandler(method: string, verbs: ServedResource['verbs']): Handler<AuthenticatedCall> | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return verbs.get;
    case 'PUT':
      return verbs.update;
    case 'PATCH':
      return verbs.patch;
    case 'DELETE':
      return verbs.delete;
    default:
      return undefined;
  }
}

function collectionHandler(
  method: string,
  verbs: ServedResource['verbs'],
  options: { wholeCluster: boolean },
): Handler<AuthenticatedCall> | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return verbs.list;
    case 'POST':
      return options.wholeCluster && verbs.list !== undefined ? undefined : verbs.create;
    case 'DELETE':
      return options.wholeCluster ? undefined : verbs.deleteCollection;
    default:
      return undefined;
  }
}

function subresourceHandler(
  info: RequestInfo,
  call: AuthenticatedCall,
  resource: ServedResource,
): Handler<AuthenticatedCall> {
  const { definition } = resource;
  const handlers = resource.subresources.get(info.subresource);
  if (handlers === undefined) {
    // Custom resources say that the object is missing where the subresource is.
    if (definition.origin === 'custom')
      throw notFound({ group: definition.group, resource: definition.plural }, info.name);
    throw noSuchResource();
  }
  const takesTail = handlers['*'] !== undefined || info.subresource === 'proxy';
  if (info.parts.length > 3 && !takesTail) throw noSuchResource();
  const handler = handlers[call.method === 'HEAD' ? 'GET' : call.method] ?? handlers['*'];
  if (handler === undefined) throw methodNotAllowed();
  return handler;
}
