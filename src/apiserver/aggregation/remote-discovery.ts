import type {
  APIGroupDiscoveryList,
  APIResourceDiscovery,
  APIVersionDiscovery,
} from '../../generated/api/apidiscovery/v2.ts';
import type { APIResource, APIResourceList } from '../../generated/api/meta/v1.ts';
import { aggregatorUser } from './availability.ts';
import { proxyHeaders } from './proxy-headers.ts';
import type { RemoteService } from './remote-service.ts';

const aggregatedTypes = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(',');

/**
 * What the server of an APIService tells of its version.
 * @throws Error where it tells nothing
 * Source: kube-aggregator `pkg/apiserver/handler_discovery.go`.
 */
export async function readRemoteDiscovery(remote: RemoteService, signal: AbortSignal): Promise<APIVersionDiscovery> {
  const all = await ask(remote, '/apis', aggregatedTypes, signal);
  if (all.status === 503) throw new Error(`${remote.target.name} returned non-success response code: 503`);
  if (all.status === 200 && /as=APIGroupDiscoveryList/.test(all.contentType)) {
    const { items = [] } = JSON.parse(all.text) as APIGroupDiscoveryList;
    const group = items.find(({ metadata }) => (metadata?.name ?? '') === remote.group);
    const found = group?.versions?.find(({ version }) => version === remote.version);
    return withKinds({ ...(found ?? { version: remote.version }), freshness: 'Current' });
  }
  const path = `/apis/${remote.group}/${remote.version}`;
  const { status, text } = await ask(remote, path, 'application/json', signal);
  if (status !== 200) throw new Error(`failed to download legacy discovery for ${path}: ${text}`);
  const { resources = [] } = JSON.parse(text) as APIResourceList;
  return { version: remote.version, resources: fromList(resources), freshness: 'Current' };
}

/** What is told of a version whose server does not answer. */
export function staleDiscovery(version: string, known?: APIVersionDiscovery): APIVersionDiscovery {
  return { ...(known ?? { version }), freshness: 'Stale' };
}

async function ask(
  { agent, tls }: RemoteService,
  path: string,
  accept: string,
  signal: AbortSignal,
): Promise<{ status: number; contentType: string; text: string }> {
  const rawHeaders = ['Host', tls.serverName, 'Accept', accept, 'User-Agent', 'kube-aggregator'];
  const { status, headers, body } = await agent.ask({
    method: 'GET',
    path,
    rawHeaders: [...rawHeaders, ...proxyHeaders(aggregatorUser)],
    signal,
  });
  return { status, contentType: headers['content-type'] ?? '', text: body.toString('utf8') };
}

/** Older clients break where a kind is missing. */
function withKinds({ resources, ...rest }: APIVersionDiscovery): APIVersionDiscovery {
  if (resources === undefined) return rest;
  const none = { group: '', version: '', kind: '' };
  return {
    ...rest,
    resources: resources.map(({ subresources, ...resource }) => ({
      ...resource,
      responseKind: resource.responseKind ?? none,
      ...(subresources === undefined
        ? {}
        : { subresources: subresources.map((part) => ({ ...part, responseKind: part.responseKind ?? none })) }),
    })),
  };
}

/** Source: apiserver `endpoints/installer.go` (ConvertGroupVersionIntoToDiscovery). */
function fromList(list: readonly APIResource[]): APIResourceDiscovery[] {
  const parents = new Map<string, APIResourceDiscovery>();
  for (const resource of list) {
    const { name, namespaced, kind, group = '', version = '', singularName, shortNames, categories, verbs } = resource;
    if (name.includes('/')) continue;
    parents.set(name, {
      resource: name,
      responseKind: { group, version, kind },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      ...(singularName ? { singularResource: singularName } : {}),
      verbs: [...verbs],
      ...(shortNames === undefined ? {} : { shortNames: [...shortNames] }),
      ...(categories === undefined ? {} : { categories: [...categories] }),
    });
  }
  for (const { name, kind, group = '', version = '', verbs, namespaced } of list) {
    const [parentName = '', part] = name.split('/', 2);
    if (part === undefined) continue;
    const parent = parents.get(parentName) ?? {
      resource: parentName,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      // Only the parts are there; clients want the fields.
      responseKind: { group: '', version: '', kind: '' },
    };
    parents.set(parentName, parent);
    parent.subresources = [
      ...(parent.subresources ?? []),
      { subresource: part, responseKind: { group, version, kind }, verbs: [...verbs] },
    ];
  }
  return [...parents.values()];
}
