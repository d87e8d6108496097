import { createHash } from 'node:crypto';
import type {
  APIGroupDiscovery,
  APIResourceDiscovery,
  APISubresourceDiscovery,
} from '../../generated/api/apidiscovery/v2.ts';
import type { ServedGroup, ServedResourceEntry, ServedSubresource } from '../served-resources.ts';

export type AggregatedVersion = 'v2' | 'v2beta1';

/** Everything about many groups in one document, in the bytes of both versions that clients ask for. */
export interface AggregatedDocument {
  /** With quotes. */
  readonly etag: string;
  bytes(version: AggregatedVersion): Buffer;
}

/** Source: apiserver `pkg/endpoints/discovery/aggregated`. */
export function toAggregated(groups: readonly ServedGroup[]): AggregatedDocument {
  const items = JSON.stringify(groups.map(toGroupDiscovery));
  const made = new Map<AggregatedVersion, Buffer>();
  return {
    etag: `"${createHash('sha512').update(items).digest('hex').toUpperCase()}"`,
    bytes(version) {
      const known = made.get(version);
      if (known !== undefined) return known;
      const head = `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/${version}","metadata":{},"items":`;
      const bytes = Buffer.from(`${head}${items}}\n`);
      made.set(version, bytes);
      return bytes;
    },
  };
}

function toGroupDiscovery({ group, versions }: ServedGroup): APIGroupDiscovery {
  return {
    metadata: group === '' ? {} : { name: group },
    versions: versions.map(({ version, resources }) => ({
      version,
      resources: resources.map((entry) => toResource(entry, group, version)),
      freshness: 'Current',
    })),
  };
}

function toResource(entry: ServedResourceEntry, group: string, version: string): APIResourceDiscovery {
  const { plural, singular, namespaced, kind, shortNames, categories } = entry.definition;
  const subresources = [...entry.subresources].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: [...entry.verbs].sort(),
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
    ...(subresources.length === 0
      ? {}
      : { subresources: subresources.map((subresource) => toSubresource(subresource, group, version)) }),
  };
}

function toSubresource(subresource: ServedSubresource, group: string, version: string): APISubresourceDiscovery {
  const { name, kind, verbs } = subresource;
  return {
    subresource: name,
    responseKind: { group: subresource.group ?? group, version: subresource.version ?? version, kind },
    verbs: [...verbs].sort(),
  };
}
