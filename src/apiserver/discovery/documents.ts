import type { APIGroup, APIGroupList, APIResource, APIResourceList } from '../../generated/api/meta/v1.ts';
import type {
  ResourcesSnapshot,
  ServedGroup,
  ServedResourceEntry,
  ServedSubresource,
  ServedVersion,
} from '../served-resources.ts';

type Named<T> = T & { readonly kind: string };

/** `/api`. @param serverAddress - `host:port` for clients that ask by address. */
export function toApiVersions(snapshot: ResourcesSnapshot, serverAddress: string): Readonly<Record<string, unknown>> {
  const core = snapshot.groups.find(({ group }) => group === '');
  return {
    kind: 'APIVersions',
    versions: core?.versions.map(({ version }) => version) ?? [],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `/apis`. */
export function toGroupList(snapshot: ResourcesSnapshot): Named<APIGroupList> {
  const groups = snapshot.groups.filter(({ group }) => group !== '').map(toGroupFields);
  return { kind: 'APIGroupList', apiVersion: 'v1', groups } as Named<APIGroupList>;
}

/** `/apis/G`. */
export function toGroup(group: ServedGroup): Named<APIGroup> {
  return { kind: 'APIGroup', apiVersion: 'v1', ...toGroupFields(group) } as Named<APIGroup>;
}

function toGroupFields({ group, versions }: ServedGroup): Pick<APIGroup, 'name' | 'versions' | 'preferredVersion'> {
  const named = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  const [preferredVersion] = named;
  return { name: group, versions: named, ...(preferredVersion === undefined ? {} : { preferredVersion }) };
}

/** `/api/v1` and `/apis/G/V`. */
export function toResourceList({ group }: ServedGroup, version: ServedVersion): Named<APIResourceList> {
  const resources = version.resources.flatMap((entry) => [
    toResource(entry),
    ...orderedSubresources(entry).map((subresource) => toSubresource(entry, subresource)),
  ]);
  return {
    kind: 'APIResourceList',
    // The core group's list has no apiVersion of its own, for reasons that are lost.
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: group === '' ? version.version : `${group}/${version.version}`,
    resources,
  } as Named<APIResourceList>;
}

/** By name; those of custom kinds in upstream's order. Source: apiextensions `customresource_discovery_controller.go`. */
export function orderedSubresources({ definition, subresources }: ServedResourceEntry): readonly ServedSubresource[] {
  if (definition.origin === 'custom') return [...subresources].sort((a, b) => rankOf(a) - rankOf(b));
  return [...subresources].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function rankOf({ name }: ServedSubresource): number {
  return ['status', 'scale'].indexOf(name);
}

/** By name; those of custom kinds as their definition has them. */
export function orderedVerbs({ definition, verbs }: ServedResourceEntry): string[] {
  return definition.origin === 'custom' ? [...verbs] : [...verbs].sort();
}

function toResource(entry: ServedResourceEntry): APIResource {
  const { definition, storageVersionHash } = entry;
  const { plural, singular, namespaced, kind, shortNames, categories } = definition;
  return {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: orderedVerbs(entry),
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
    ...(storageVersionHash === undefined ? {} : { storageVersionHash }),
  };
}

function toSubresource({ definition }: ServedResourceEntry, subresource: ServedSubresource): APIResource {
  const { name, kind, group, version, verbs } = subresource;
  return {
    name: `${definition.plural}/${name}`,
    singularName: '',
    namespaced: definition.namespaced,
    ...(group === undefined ? {} : { group }),
    ...(version === undefined ? {} : { version }),
    kind,
    verbs: [...verbs].sort(),
  };
}
