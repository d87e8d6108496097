import type { ResourceDefinition } from '../machinery/object/resource-definition.ts';

/** One subresource as discovery shows it. */
export interface ServedSubresource {
  /** Without the resource in front: `status`. */
  readonly name: string;
  readonly kind: string;
  /** Group and version of the kind where they differ from the resource's. */
  readonly group?: string | undefined;
  readonly version?: string | undefined;
  readonly verbs: readonly string[];
}

/** One resource as discovery shows it. */
export interface ServedResourceEntry {
  readonly definition: ResourceDefinition;
  readonly verbs: readonly string[];
  /** Absent for resources that are not stored. */
  readonly storageVersionHash?: string | undefined;
  readonly subresources: readonly ServedSubresource[];
}

export interface ServedVersion {
  readonly version: string;
  readonly resources: readonly ServedResourceEntry[];
}

export interface ServedGroup {
  /** Empty for the core group. */
  readonly group: string;
  /** Preferred version first. */
  readonly versions: readonly ServedVersion[];
}

/** Everything that is served at one moment. A change makes a new snapshot; a snapshot never changes. */
export interface ResourcesSnapshot {
  /** Grows by one with each change. */
  readonly generation: number;
  /** Core first, then by priority as upstream orders them. */
  readonly groups: readonly ServedGroup[];
}

/** What discovery and OpenAPI need of the server. */
export interface ResourceCatalog {
  resourcesSnapshot(): ResourcesSnapshot;
  /** Calls `onChange` after each change of the snapshot (CRDs coming and going). */
  onResourcesChange(onChange: () => void): { close(): void };
}
