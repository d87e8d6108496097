import { methodNotSupported, notFound } from '../machinery/errors/status-error.ts';
import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';
import type { Answer, AuthenticatedCall, Handler } from './call.ts';
import type { RequestInfo } from './request-info.ts';
import { methodNotAllowed, noSuchResource, pageNotFound } from './route-errors.ts';
import type { ServedResource } from './served-resource.ts';

/** Finds what serves a path. */
export interface ResourceTable {
  /** The resource, in the version of the path. */
  find(group: string, version: string, resource: string): ServedResource | undefined;
  /** Whether built-in resources of the group are served. */
  isBuiltinGroup(group: string): boolean;
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
    // Upstream's router takes paths as they are written, though authorization has read past the slashes in front.
    if (call.path.startsWith('//')) return pageNotFound;
    const proxied = deps.aggregated === undefined ? undefined : findProxy(call.path, deps.aggregated);
    if (proxied !== undefined) return proxied(call);
    if (info.isResourceRequest) return dispatchResource(call, deps.resources);
    const answer = deps.other?.(call);
    if (answer !== undefined && (call.method === 'GET' || !isReadOnly(call.path, deps.resources))) {
      if (call.trace !== undefined) call.trace.route = 'path';
      return await answer;
    }
    if (answer !== undefined) {
      answer.catch(() => {});
      throw methodNotAllowed();
    }
    if (openIdPaths.test(call.path) && call.method !== 'GET') throw methodNotAllowed();
    if (namelessPaths.test(call.path)) return withoutName(call.path);
    // Below a group that is built in, what is unknown is a resource that is not there.
    const [, prefix, group = ''] = call.path.split('/');
    const isKnown = prefix === 'api' || (prefix === 'apis' && group !== '' && deps.resources.isBuiltinGroup(group));
    if (isKnown || belowDocument.test(call.path)) throw noSuchResource();
    return pageNotFound;
  };
}

/** Everything at and below a group's version; its own path is discovery, and no resource. */
function findProxy(path: string, aggregated: GroupProxy): Handler<AuthenticatedCall> | undefined {
  if (!path.startsWith('/apis/')) return undefined;
  const [, , group = '', version = ''] = path.split('/', 4);
  return group === '' || version === '' ? undefined : aggregated.find(group, version);
}

const readOnlyPaths = /^\/(api(\/[^/]*)?|version|openid\/v1\/jwks|\.well-known\/openid-configuration)\/?$/;

/**
 * Paths beside resources that upstream's router serves, and to GET alone. Others take any method, among them the groups,
 * which the aggregator tells of.
 */
function isReadOnly(path: string, resources: ResourceTable): boolean {
  const group = /^\/apis\/([^/]+)\/[^/]+\/?$/.exec(path)?.[1];
  return group === undefined ? readOnlyPaths.test(path) : resources.isBuiltinGroup(group);
}

const openIdPaths = /^\/(openid\/v1\/jwks|\.well-known\/openid-configuration)$/;
/** The old paths of watches and proxies, without what they are about. */
const namelessPaths = /^\/(api|apis\/[^/]+)\/[^/]+\/(watch|proxy)\/?$/;

/** Source: apiserver `endpoints/filters/requestinfo.go`. */
function withoutName(path: string): Answer {
  const why = `failed to create RequestInfo: unable to determine kind and namespace from url, ${path}`;
  const body = Buffer.from(`Internal Server Error: ${JSON.stringify(path)}: ${why}\n`);
  const headers = { 'X-Content-Type-Options': 'nosniff' };
  return { kind: 'bytes', status: 500, contentType: 'text/plain; charset=utf-8', headers, body };
}

/** Upstream's router owns what is below these, and knows nothing there. */
const belowDocument = /^\/(version|openid\/v1\/jwks|\.well-known\/openid-configuration)\//;

async function dispatchResource(call: AuthenticatedCall, resources: ResourceTable): Promise<Answer> {
  const { info } = call;
  const resource = resources.find(info.group, info.version, info.resource);
  if (resource === undefined) {
    if (info.prefix === 'api' || resources.isBuiltinGroup(info.group)) throw noSuchResource();
    return pageNotFound;
  }
  const custom = resource.definition.origin === 'custom';
  const inNamespace = info.namespace !== '';
  // The one resource whose own path looks namespaced.
  const isNamespaces = info.group === '' && info.resource === 'namespaces';
  const wantsNamespace = resource.definition.namespaced && !inNamespace;
  if (custom && wantsNamespace && (info.name !== '' || call.method === 'POST')) return pageNotFound;
  if (inNamespace && !resource.definition.namespaced && !isNamespaces) {
    if (custom) return pageNotFound;
    throw noSuchResource();
  }
  if (custom && resource.deprecation !== undefined) call.warnings.push(resource.deprecation);
  const handler = info.subresource === '' ? verbHandler(call, resource) : subresourceHandler(info, call, resource);
  if (!custom && resource.deprecation !== undefined) call.warnings.push(resource.deprecation);
  if (call.trace !== undefined) call.trace.route = 'resource';
  if (resource.deprecation !== undefined) noteDeprecation(call);
  return handler(call);
}

/** Source: apiserver `endpoints/metrics/metrics.go` (MonitorRequest). */
function noteDeprecation({ trace, annotations }: AuthenticatedCall): void {
  if (trace !== undefined) trace.isDeprecated = true;
  annotations.set('k8s.io/deprecated', 'true');
}

function verbHandler(call: AuthenticatedCall, resource: ServedResource): Handler<AuthenticatedCall> {
  const { verbs, definition } = resource;
  const { info, method } = call;
  if (definition.origin === 'builtin' && isWatchPath(call.path)) requireWatchable(info, definition);
  if (info.verb === 'watch' && verbs.list !== undefined) {
    const isRefused = method !== 'GET' || !definition.verbs.includes('watch');
    if (isRefused && definition.origin === 'builtin') throw methodNotAllowed();
    return verbs.list;
  }
  const named = info.parts.length > 1;
  const wholeCluster = definition.namespaced && info.namespace === '';
  if (named && (wholeCluster || !hasNamedVerbs(resource))) throw noSuchResource();
  if (wholeCluster && verbs.list === undefined) throw noSuchResource();
  // Upstream's router knows HEAD for no built-in resource.
  const isHead = method === 'HEAD' && definition.origin === 'builtin';
  const found = named ? namedHandler(method, verbs) : collectionHandler(method, verbs, { wholeCluster });
  const handler = isHead ? undefined : found;
  if (handler === undefined) throw refusedMethod(call, resource);
  return handler;
}

/** The old paths of watches. */
function isWatchPath(path: string): boolean {
  return /^\/(api|apis\/[^/]+)\/[^/]+\/watch\//.test(path);
}

/** The old paths know what can be watched, and single objects in their namespace. Source: apiserver `endpoints/installer.go`. */
function requireWatchable({ namespace, parts }: RequestInfo, { namespaced, verbs }: ResourceDefinition): void {
  const isOutside = namespaced && namespace === '' && parts.length > 1;
  if (isOutside || !verbs.includes('watch')) throw noSuchResource();
}

/** Custom resources have words of their own for a method that they do not take. */
function refusedMethod({ info }: AuthenticatedCall, { definition }: ServedResource): Error {
  if (definition.origin !== 'custom') return methodNotAllowed();
  return methodNotSupported({ group: definition.group, resource: definition.plural }, info.verb);
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
      return options.wholeCluster ? undefined : verbs.create;
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
  if (definition.origin === 'builtin' && isWatchPath(call.path)) throw noSuchResource();
  const handlers = resource.subresources.get(info.subresource);
  if (handlers === undefined) {
    // Custom resources say that the object is missing where the subresource is.
    if (definition.origin === 'custom')
      throw notFound({ group: definition.group, resource: definition.plural }, info.name);
    throw noSuchResource();
  }
  const takesTail = handlers['*'] !== undefined || info.subresource === 'proxy';
  if (info.parts.length > 3 && !takesTail) throw noSuchResource();
  const isHead = call.method === 'HEAD' && definition.origin === 'custom';
  const handler = handlers[isHead ? 'GET' : call.method] ?? handlers['*'];
  if (handler === undefined) throw refusedMethod(call, resource);
  return handler;
}
