import { createHash } from 'node:crypto';
import type {
  APIGroupDiscovery,
  APIGroupDiscoveryList,
  APIResourceDiscovery,
  APISubresourceDiscovery,
} from '../../generated/api/apidiscovery/v2.ts';
import { wrapUnknown } from '../../machinery/codecs/protobuf/envelope.ts';
import { encodeProtobuf } from '../../machinery/codecs/protobuf/message-codec.ts';
import { toYaml } from '../render/yaml-text.ts';
import type { ServedGroup, ServedResourceEntry, ServedSubresource } from '../served-resources.ts';
import type { AggregatedForm, AggregatedVersion } from './accept.ts';
import { orderedSubresources, orderedVerbs } from './documents.ts';
import type { ShownVersion } from './remote-versions.ts';

/** Everything about many groups in one document. */
export interface AggregatedDocument {
  /** With quotes. The same for all encodings, which Vary tells apart. */
  readonly etag: string;
  bytes(form: AggregatedForm): Buffer;
}

/** Source: apiserver `pkg/endpoints/discovery/aggregated/handler.go`, `etag.go`. */
export function toAggregated(groups: readonly ServedGroup[]): AggregatedDocument {
  const items = groups.map(toGroupDiscovery);
  const itemsJson = JSON.stringify(items);
  // Upstream hashes the list before it has a version.
  const hash = createHash('sha512').update(`{"metadata":{},"items":${itemsJson}}`).digest('hex').toUpperCase();
  const made = new Map<AggregatedVersion, Buffer>();
  return {
    etag: `"${hash}"`,
    bytes(form) {
      if (form.mediaType !== 'application/json' || form.pretty) return encode(items, form);
      const known = made.get(form.version);
      if (known !== undefined) return known;
      const head = `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/${form.version}","metadata":{},"items":`;
      const bytes = Buffer.from(`${head}${itemsJson}}\n`);
      made.set(form.version, bytes);
      return bytes;
    },
  };
}

/** The forms that no client is known to ask for; both versions have the same fields and numbers. */
function encode(items: APIGroupDiscovery[], { mediaType, version }: AggregatedForm): Buffer {
  const kind = 'APIGroupDiscoveryList';
  const apiVersion = `apidiscovery.k8s.io/${version}`;
  const list: APIGroupDiscoveryList = { metadata: {}, items };
  if (mediaType === 'application/vnd.kubernetes.protobuf')
    return wrapUnknown(apiVersion, kind, encodeProtobuf({ ...list }, `apidiscovery/v2.${kind}`));
  const named = { kind, apiVersion, ...list };
  return Buffer.from(mediaType === 'application/yaml' ? toYaml(named) : JSON.stringify(named, undefined, 2));
}

function toGroupDiscovery({ group, versions }: ServedGroup): APIGroupDiscovery {
  return {
    metadata: group === '' ? {} : { name: group },
    versions: versions.map(
      ({ version, resources, remote }: ShownVersion) =>
        remote ?? {
          version,
          resources: resources.map((entry) => toResource(entry, group, version)),
          freshness: 'Current',
        },
    ),
  };
}

function toResource(entry: ServedResourceEntry, group: string, version: string): APIResourceDiscovery {
  const { plural, singular, namespaced, kind, shortNames, categories, origin } = entry.definition;
  const subresources = orderedSubresources(entry);
  // Upstream's built-in kinds leave out what is the same as for the document around them, and custom ones tell it.
  const own = origin === 'custom' ? { group, version } : { group: '', version: '' };
  return {
    resource: plural,
    responseKind: { ...own, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: orderedVerbs(entry),
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
    ...(subresources.length === 0
      ? {}
      : { subresources: subresources.map((subresource) => toSubresource(subresource, own)) }),
  };
}

function toSubresource(
  subresource: ServedSubresource,
  own: { readonly group: string; readonly version: string },
): APISubresourceDiscovery {
  const { name, kind, verbs } = subresource;
  return {
    subresource: name,
    responseKind: { group: subresource.group ?? own.group, version: subresource.version ?? own.version, kind },
    verbs: [...verbs].sort(),
  };
}
