import { createHash } from 'node:crypto';
import { groupPriorityOf } from './crds/api-services.ts';
import { compareVersions } from './crds/version-order.ts';
import type { ResourceTable } from './dispatch.ts';
import type { ServedResource } from './served-resource.ts';
import type {
  ResourceCatalog,
  ResourcesSnapshot,
  ServedGroup,
  ServedResourceEntry,
  ServedVersion,
} from './served-resources.ts';

/** Everything that is served: built-in kinds, which stay, and custom ones, which come and go as a whole. */
export class Catalog implements ResourceTable, ResourceCatalog {
  readonly #listeners = new Set<() => void>();
  #builtin: readonly ServedResource[] = [];
  #custom: readonly ServedResource[] = [];
  #byPath = new Map<string, ServedResource>();
  #builtinGroups = new Set<string>();
  #snapshot: ResourcesSnapshot | undefined;
  #generation = 0;

  setBuiltin(resources: readonly ServedResource[]): void {
    this.#builtin = resources;
    this.#builtinGroups = new Set(resources.map(({ definition }) => definition.group));
    this.#rebuild();
  }

  /** Replaces all custom resources at once. */
  setCustom(resources: readonly ServedResource[]): void {
    this.#custom = resources;
    this.#rebuild();
  }

  find(group: string, version: string, resource: string): ServedResource | undefined {
    return this.#byPath.get(toPath(group, version, resource));
  }

  isBuiltinGroup(group: string): boolean {
    return this.#builtinGroups.has(group);
  }

  /** Every resource in every version. */
  all(): readonly ServedResource[] {
    return [...this.#builtin, ...this.#custom];
  }

  resourcesSnapshot(): ResourcesSnapshot {
    this.#snapshot ??= {
      generation: this.#generation,
      groups: toGroups(this.all().filter(({ definition }) => !definition.hidden)),
    };
    return this.#snapshot;
  }

  onResourcesChange(onChange: () => void): { close(): void } {
    this.#listeners.add(onChange);
    return { close: () => this.#listeners.delete(onChange) };
  }

  #rebuild(): void {
    const byPath = new Map<string, ServedResource>();
    // Built-in ones last: no definition takes the place of one.
    for (const resource of [...this.#custom, ...this.#builtin]) {
      const { group, version, plural } = resource.definition;
      byPath.set(toPath(group, version, plural), resource);
    }
    this.#byPath = byPath;

    this.#snapshot = undefined;
    this.#generation += 1;
    for (const listener of [...this.#listeners]) listener();
  }
}

function toPath(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`;
}

function toGroups(resources: readonly ServedResource[]): readonly ServedGroup[] {
  const groups = new Map<string, Map<string, ServedResource[]>>();
  for (const resource of resources) {
    const { group, version } = resource.definition;
    const versions = groups.get(group) ?? new Map<string, ServedResource[]>();
    groups.set(group, versions);
    versions.set(version, [...(versions.get(version) ?? []), resource]);
  }
  return [...groups]
    .map(([group, versions]) => ({ group, versions: toVersions(versions) }))
    .sort((a, b) => groupPriorityOf(b.group) - groupPriorityOf(a.group) || (a.group < b.group ? -1 : 1));
}

function toVersions(versions: ReadonlyMap<string, readonly ServedResource[]>): readonly ServedVersion[] {
  return [...versions]
    .map(([version, resources]) => ({
      version,
      resources: resources.map(toEntry).sort((a, b) => (a.definition.plural < b.definition.plural ? -1 : 1)),
    }))
    .sort((a, b) => compareVersions(a.version, b.version));
}

function toEntry(resource: ServedResource): ServedResourceEntry {
  const { definition, shownSubresources } = resource;
  return {
    definition,
    verbs: definition.verbs,
    // What nobody can create is not stored, only shown.
    storageVersionHash:
      resource.store === undefined || !definition.verbs.includes('create') ? undefined : storageVersionHash(resource),
    subresources: shownSubresources,
  };
}

/** Kinds that upstream stores in another group or in an older version, so that an older server can read them. */
const storedAs: Readonly<Record<string, string>> = {
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': 'admissionregistration.k8s.io/v1beta1',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding': 'admissionregistration.k8s.io/v1beta1',
  'apiextensions.k8s.io/CustomResourceDefinition': 'apiextensions.k8s.io/v1beta1',
  'events.k8s.io/Event': '/v1',
};

/** Tells clients whether two servers store alike. Source: apiserver `pkg/endpoints/discovery/storageversionhash.go`. */
function storageVersionHash({ definition: { group, storageVersion, kind } }: ServedResource): string {
  const stored = storedAs[`${group}/${kind}`] ?? `${group}/${storageVersion}`;
  const digest = createHash('sha256').update(`${stored}/${kind}`).digest();
  return digest.subarray(0, 8).toString('base64');
}
