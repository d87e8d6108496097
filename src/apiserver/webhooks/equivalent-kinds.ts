import { type AnyObject, type GroupVersionKind, toApiVersion } from '../../machinery/object/object.ts';
import type { ResourceDefinition } from '../../machinery/object/resource-definition.ts';
import type { ResourceCatalog, ResourcesSnapshot, ServedResourceEntry } from '../served-resources.ts';

export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** One version of a resource that has others. */
export interface EquivalentResource {
  readonly resource: GroupVersionResource;
  /** The kind that the resource, or the subresource asked for, has in that version. */
  readonly kind: GroupVersionKind;
}

interface Index {
  readonly snapshot: ResourcesSnapshot;
  readonly byPath: ReadonlyMap<string, ServedResourceEntry>;
  readonly byStorage: ReadonlyMap<string, readonly ServedResourceEntry[]>;
}

/** Resources that hold the same objects in several groups and versions. Source: apimachinery `pkg/runtime/mapper.go`. */
export class EquivalentKinds {
  readonly #catalog: ResourceCatalog;
  #index: Index | undefined;

  constructor(catalog: ResourceCatalog) {
    this.#catalog = catalog;
  }

  /** All other versions, without the one that is asked for. */
  of(asked: GroupVersionResource, subresource: string): readonly EquivalentResource[] {
    const { byPath, byStorage } = this.#current();
    const own = byPath.get(pathOf(asked));
    if (own === undefined || own.definition.storagePrefix === '') return [];
    return (byStorage.get(own.definition.storagePrefix) ?? []).flatMap((entry) => {
      if (entry === own) return [];
      const { group, version, plural } = entry.definition;
      const kind = kindOf(entry, subresource);
      return kind === undefined ? [] : [{ resource: { group, version, resource: plural }, kind }];
    });
  }

  /** @throws Error where the two are no versions of one kind */
  async convert(object: AnyObject, from: GroupVersionKind, to: GroupVersionKind): Promise<AnyObject> {
    const target = this.definitionOf(to);
    const source = this.definitionOf(from);
    if (source === undefined || target === undefined || source.storagePrefix !== target.storagePrefix) {
      throw new Error(`${toApiVersion(from)}, Kind=${from.kind} cannot be converted to ${toApiVersion(to)}`);
    }
    if (target.remote !== undefined) return await target.remote.convert(object, toApiVersion(to));
    const stored = source.convert === undefined ? object : source.convert.toStorage(object);
    const converted = target.convert === undefined ? stored : target.convert.fromStorage(stored);
    return { ...converted, apiVersion: toApiVersion(target), kind: target.kind };
  }

  definitionOf({ group, version, kind }: GroupVersionKind): ResourceDefinition | undefined {
    for (const { definition } of this.#current().byPath.values()) {
      if (definition.group === group && definition.version === version && definition.kind === kind) return definition;
    }
    return undefined;
  }

  #current(): Index {
    const snapshot = this.#catalog.resourcesSnapshot();
    if (this.#index?.snapshot === snapshot) return this.#index;
    const entries = snapshot.groups.flatMap(({ versions }) => versions.flatMap(({ resources }) => resources));
    this.#index = {
      snapshot,
      byPath: new Map(
        entries.map((entry) => {
          const { group, version, plural: resource } = entry.definition;
          return [pathOf({ group, version, resource }), entry];
        }),
      ),
      byStorage: Map.groupBy(entries, ({ definition }) => definition.storagePrefix),
    };
    return this.#index;
  }
}

function pathOf({ group, version, resource }: GroupVersionResource): string {
  return `${group}/${version}/${resource}`;
}

function kindOf({ definition, subresources }: ServedResourceEntry, subresource: string): GroupVersionKind | undefined {
  const { group, version, kind } = definition;
  if (subresource === '') return { group, version, kind };
  const part = subresources.find(({ name }) => name === subresource);
  if (part === undefined) return undefined;
  return { group: part.group ?? group, version: part.version ?? version, kind: part.kind };
}
