import type { APIGroupList, APIResourceList } from '../generated/api/meta/v1.ts';
import type { KubeObject, ResourceType } from '../machinery/object/object.ts';
import { parseApiVersion } from '../machinery/object/object.ts';
import type { Client } from './client.ts';

/** A resource as the server tells of it. */
export interface DiscoveredResource extends ResourceType<KubeObject> {
  readonly verbs: readonly string[];
}

export interface Discovered {
  /** One entry for each resource, in its group's preferred version; without subresources. */
  readonly resources: readonly DiscoveredResource[];
  /** Every version that is served, as `apiVersion` spells it. */
  readonly versions: ReadonlySet<string>;
  /** Groups that did not answer (an aggregated API that is down): what they serve is unknown, not absent. */
  readonly failures: ReadonlyMap<string, unknown>;
}

/** Asks the server which resources it serves. @throws StatusError where the list of groups itself is refused. */
export async function discoverResources(client: Client, signal?: AbortSignal): Promise<Discovered> {
  const read = async <T>(path: string): Promise<T> =>
    (await client.transport.request({ method: 'GET', path, signal })) as T;
  const { groups } = await read<APIGroupList>('/apis');
  const sources = new Map([['v1', ['/api/v1']]]);
  for (const group of groups) {
    // The preferred version first: a resource that only an older version has is taken from there.
    const preferred = group.preferredVersion?.groupVersion;
    const versions = group.versions.map((version) => version.groupVersion);
    const ordered = versions.filter((version) => version !== preferred);
    if (preferred !== undefined) ordered.unshift(preferred);
    sources.set(
      group.name,
      ordered.map((version) => `/apis/${version}`),
    );
  }
  const failures = new Map<string, unknown>();
  const lists = await Promise.all(
    Array.from(sources, async ([name, paths]) => {
      const found = new Map<string, DiscoveredResource>();
      for (const path of paths) {
        try {
          for (const resource of toResources(await read<APIResourceList>(path))) {
            if (!found.has(resource.plural)) found.set(resource.plural, resource);
          }
        } catch (error) {
          if (signal?.aborted) throw error;
          failures.set(name === 'v1' ? 'v1' : path.slice('/apis/'.length), error);
        }
      }
      return [...found.values()];
    }),
  );
  const versions = new Set(['v1', ...groups.flatMap((group) => group.versions.map((each) => each.groupVersion))]);
  return { resources: lists.flat(), versions, failures };
}

function toResources(list: APIResourceList): DiscoveredResource[] {
  const { group, version } = parseApiVersion(list.groupVersion);
  return list.resources
    .filter((resource) => !resource.name.includes('/'))
    .map(({ name, kind, namespaced, verbs }) => ({ group, version, kind, plural: name, namespaced, verbs }));
}
