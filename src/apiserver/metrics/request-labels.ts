import type { Call, CallTrace } from '../call.ts';

/** Source of all: apiserver `pkg/endpoints/metrics/metrics.go`. */

/** The labels by which a request is counted. */
export interface RequestLabels {
  readonly verb: string;
  readonly dryRun: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly scope: string;
  readonly component: string;
}

const connects = new Set(['log', 'exec', 'portforward', 'attach', 'proxy']);
const methods = new Set(['DELETE', 'GET', 'PATCH', 'POST', 'PUT']);

/** What upstream's router counts beside resources, as it names them; health has no component. */
const paths: Readonly<Record<string, readonly [subresource: string, component: string]>> = {
  '/api': ['api', 'apiserver'],
  '/apis': ['apis', 'apiserver'],
  '/healthz': ['/healthz', ''],
  '/livez': ['/livez', ''],
  '/readyz': ['/readyz', ''],
  '/openapi/v3': ['openapi/v3', ''],
};

/** The labels of a call that a handler of the API served; undefined for what upstream does not count. */
export function labelsOf(call: Call, trace: CallTrace): RequestLabels | undefined {
  const { info } = call;
  const dryRun = dryRunOf(call.query);
  if (trace.route === 'resource') {
    const { group, version, resource, subresource } = info;
    const scope = scopeOf(call);
    return { verb: verbOf(call, scope), dryRun, group, version, resource, subresource, scope, component: 'apiserver' };
  }
  const [subresource, component] = paths[call.path] ?? [];
  if (trace.route !== 'path') return undefined;
  const plain = { verb: verbOf(call, ''), dryRun, group: '', version: '', resource: '', scope: '' };
  if (subresource !== undefined) return { ...plain, subresource, component: component ?? '' };
  if (call.path.startsWith('/openapi/v3/')) return { ...plain, subresource: 'openapi/v3/', component: '' };
  return undefined;
}

/** What a request is about: one object, a namespace, the cluster, or no resource at all. */
export function scopeOf({ info }: Call): 'resource' | 'namespace' | 'cluster' | '' {
  if (!info.isResourceRequest) return '';
  if (info.name !== '' || info.verb === 'create') return 'resource';
  return info.namespace === '' ? 'cluster' : 'namespace';
}

/** Lists, watches, applies and connections told apart from what else their methods do. */
export function verbOf(call: Call, scope: string): string {
  const { method, info } = call;
  if (info.isResourceRequest && connects.has(info.subresource)) return 'CONNECT';
  if (method === 'GET' || method === 'HEAD') {
    if (info.verb === 'watch') return 'WATCH';
    return scope === 'resource' || scope === '' ? 'GET' : 'LIST';
  }
  if (method === 'PATCH' && call.header('content-type') === 'application/apply-patch+yaml') return 'APPLY';
  return methods.has(method) ? method : 'other';
}

function dryRunOf(query: URLSearchParams): string {
  if (!query.has('dryRun')) return '';
  return query.getAll('dryRun').every((each) => each === 'All') ? 'All' : 'invalid';
}
