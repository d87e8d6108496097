/** What the method and the path of a request mean. Source: apiserver `pkg/endpoints/request/requestinfo.go`. */
export interface RequestInfo {
  readonly isResourceRequest: boolean;
  /** API verb of a resource request (`get list watch create update patch delete deletecollection proxy`), else the lower-case method. */
  readonly verb: string;
  readonly path: string;
  /** `api` or `apis` for resource requests. */
  readonly prefix: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** Path pieces from the resource on. */
  readonly parts: readonly string[];
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
}

const namespaceSubresources = new Set(['status', 'finalize']);
const methodVerbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Reads a request's meaning. Never throws: what has no meaning as a resource is a non-resource request. */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const plain: RequestInfo = {
    isResourceRequest: false,
    verb: method.toLowerCase(),
    path,
    prefix: '',
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
  };
  const pieces = split(path);
  const prefix = pieces[0];
  if (pieces.length < 3 || (prefix !== 'api' && prefix !== 'apis')) return plain;
  const grouped = prefix === 'apis';
  if (grouped && pieces.length < 4) return { ...plain, prefix };
  const group = grouped ? (pieces[1] ?? '') : '';
  const version = pieces[grouped ? 2 : 1] ?? '';
  return readResource({ ...plain, prefix, group, version }, pieces.slice(grouped ? 3 : 2), method, query);
}

function readResource(base: RequestInfo, pieces: string[], method: string, query: URLSearchParams): RequestInfo {
  let verb = methodVerbs[method] ?? '';
  let special = '';
  if (pieces[0] === 'proxy' || pieces[0] === 'watch') {
    if (pieces.length < 2) return base;
    special = pieces[0];
    verb = special;
    pieces = pieces.slice(1);
  }
  let namespace = '';
  if (pieces[0] === 'namespaces' && pieces.length > 1) {
    namespace = pieces[1] ?? '';
    if (pieces.length > 2 && !namespaceSubresources.has(pieces[2] ?? '')) pieces = pieces.slice(2);
  }
  const resource = pieces[0] ?? '';
  let name = pieces[1] ?? '';
  const subresource = special === 'proxy' ? '' : (pieces[2] ?? '');
  const selectors = readSelectors(query);
  if (name === '' && verb === 'get') verb = isWatch(query) ? 'watch' : 'list';
  if (name === '' && (verb === 'list' || (verb === 'watch' && special === ''))) name = nameOf(selectors.fieldSelector);
  if (name === '' && verb === 'delete') verb = 'deletecollection';
  const takesSelectors = verb === 'list' || verb === 'watch' || verb === 'deletecollection';
  return {
    ...base,
    isResourceRequest: true,
    verb,
    namespace,
    resource,
    subresource,
    name,
    parts: pieces,
    ...(takesSelectors ? selectors : {}),
  };
}

function split(path: string): string[] {
  const trimmed = path.replace(/^\/+|\/+$/g, '');
  return trimmed === '' ? [] : trimmed.split('/');
}

function isWatch(query: URLSearchParams): boolean {
  const value = query.get('watch');
  if (value === null) return false;
  return value.toLowerCase() !== 'false' && value !== '0';
}

function readSelectors(query: URLSearchParams): { fieldSelector?: string; labelSelector?: string } {
  const fieldSelector = query.get('fieldSelector');
  const labelSelector = query.get('labelSelector');
  return { ...(fieldSelector ? { fieldSelector } : {}), ...(labelSelector ? { labelSelector } : {}) };
}

/** The name that `metadata.name=x` asks for: a list of one object counts as a request for that name. */
function nameOf(fieldSelector: string | undefined): string {
  for (const term of fieldSelector?.split(',') ?? []) {
    const match = /^metadata\.name==?([^=!].*)$/.exec(term);
    const name = match?.[1];
    if (name !== undefined && name !== '.' && name !== '..' && !/[/%]/.test(name)) return name;
  }
  return '';
}
